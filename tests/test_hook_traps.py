"""Ways by which a call could slip past the hooks: each is followed, or refused; none is silent."""

from __future__ import annotations

import copy
import functools
import pickle
import re
import threading
from typing import Any

import pytest
import torch

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import (
    Architecture,
    SteeringError,
    UnsupportedModelError,
    architecture,
    intervene,
    with_options,
)

from .steering_tools import (
    ONE,
    TWO,
    assert_same,
    decoder_input,
    generate,
    logits,
    rotary_positions,
)
from .tiny import TINY, Tiny


@pytest.fixture(params=["llava", "llava:pixtral", "qwen2_5_vl", "internvl"])
def tiny(request: pytest.FixtureRequest) -> tuple[Tiny, Any]:
    return TINY[request.param], TINY[request.param].build(request.param)


@pytest.fixture
def llava() -> tuple[Tiny, Any]:
    return TINY["llava"], TINY["llava"].build("llava")


@pytest.mark.parametrize("method", [BaPA(), AGCI(0.3)], ids=["bapa", "agci"])
@pytest.mark.parametrize("size", [5, 9, 13, 39])
def test_a_prefill_in_chunks_is_refused_or_right(
    tiny: tuple[Tiny, Any], method: Any, size: int
) -> None:
    spec, model = tiny
    batch = spec.inputs([TWO])
    if size >= batch["input_ids"].shape[1]:
        return
    said = ""
    with intervene(model, method):
        try:
            cut = torch.stack(generate(model, batch, prefill_chunk_size=size).logits, 1)
        except (SteeringError, ValueError, RuntimeError) as error:
            said = str(error)
        else:
            assert_same(cut, torch.stack(generate(model, batch).logits, 1))
    # Before transformers 5 the stock model is the first to notice.
    assert not said or re.search(r"chunk|do not match|must match", said)


def test_text_may_be_prefilled_in_chunks(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    text = spec.inputs([[7]])
    with intervene(model, BaPA(), AGCI(0.3)):
        cut = torch.stack(generate(model, text, prefill_chunk_size=3).logits, 1)
        assert_same(cut, torch.stack(generate(model, text).logits, 1))


def test_pictures_encoded_before_steering_are_refused(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    batch = spec.inputs([ONE])
    pixels = batch.pop("pixel_values")
    features = model.model.get_image_features(pixels, return_dict=True)
    encoded = {"mm_encoder_outputs": {"image": features}}
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="encoded before steering"):
        model(**batch, **encoded)


def test_a_steered_model_is_neither_copied_nor_pickled(llava: tuple[Tiny, Any]) -> None:
    _, model = llava
    with intervene(model, BaPA()):
        for copier in (copy.deepcopy, pickle.dumps):
            with pytest.raises(SteeringError, match="before the model is copied"):
                copier(model)
    copy.deepcopy(model)


def test_a_saved_model_is_the_stock_model(llava: tuple[Tiny, Any], tmp_path: Any) -> None:
    spec, model = llava
    batch = spec.inputs([ONE])
    stock = logits(model, batch)
    with intervene(model, BaPA(), AGCI(0.3)):
        model.save_pretrained(tmp_path)
    assert torch.equal(logits(type(model).from_pretrained(tmp_path), batch), stock)


FILLED = [[], [BaPA()], [BaPA(strength=0.5)], [AGCI(0.3)], [BaPA(anchor="center")]]


@pytest.mark.parametrize("before", FILLED, ids=str)
@pytest.mark.parametrize("after", FILLED[1:], ids=str)
def test_a_cache_is_used_under_the_settings_that_filled_it(
    llava: tuple[Tiny, Any], before: list[Any], after: list[Any]
) -> None:
    spec, model = llava
    batch = spec.inputs([ONE])
    with intervene(model, *before):
        cache = model(**batch, use_cache=True).past_key_values
    step = {"input_ids": torch.tensor([[9]]), "past_key_values": cache}
    with intervene(model, *after):
        if before == after:
            model(**step)
            return
        with pytest.raises(SteeringError, match="without these interventions"):
            model(**step)


def test_tokens_that_were_added_without_steering_are_noticed(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    with intervene(model, BaPA()):
        cache = model(**spec.inputs([ONE]), use_cache=True).past_key_values
    step = {"input_ids": torch.tensor([[9]]), "past_key_values": cache}
    model(**step)  # off: as the stock model
    with (
        intervene(model, BaPA()),
        pytest.raises(SteeringError, match="without these interventions"),
    ):
        model(**step)


def test_text_first_and_a_picture_later_in_one_cache(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    batch = spec.inputs([[6, "a", 5]])
    ids, pixels = batch["input_ids"], batch["pixel_values"]
    with intervene(model, BaPA(), AGCI(0.3)):
        whole = logits(model, {"input_ids": ids, "pixel_values": pixels})
        cache = model(input_ids=ids[:, :4], use_cache=True).past_key_values
        rest = model(input_ids=ids[:, 4:], pixel_values=pixels, past_key_values=cache).logits
    assert_same(rest, whole[:, 4:])


def test_selected_rows_of_a_cache_are_refused(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    with intervene(model, BaPA()):
        cache = model(**spec.inputs([ONE, [7], ["b", 3]]), use_cache=True).past_key_values
        cache.batch_select_indices(torch.tensor([0, 1]))
        with pytest.raises(SteeringError, match="made for 3 rows, this call has 2"):
            model(input_ids=torch.tensor([[9], [9]]), past_key_values=cache)


def test_threads_do_not_see_each_other(llava: tuple[Tiny, Any]) -> None:
    """A forward pass of another thread in the midst of one of ours, by a hook in the decoder."""
    spec, model = llava
    batch, text = spec.inputs([ONE]), spec.inputs([[8]])
    with intervene(model, BaPA()):
        want = rotary_positions(model, batch, axes=1)[0]

        def interrupt(*_: Any) -> None:
            if threading.current_thread() is threading.main_thread():
                other = threading.Thread(target=logits, args=(model, text))
                other.start()
                other.join()

        handle = model.get_decoder().layers[0].register_forward_pre_hook(interrupt)
        calm = torch.stack(generate(model, batch).logits)
        handle.remove()
        assert_same(torch.stack(generate(model, batch).logits), calm)
        assert torch.equal(rotary_positions(model, batch, axes=1)[0], want)


def test_an_encoder_that_was_replaced_later_is_noticed(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    with intervene(model, BaPA()):
        inner = model.model
        inner.get_image_features = functools.partial(type(inner).get_image_features, inner)
        with pytest.raises(SteeringError, match="get_image_features was never called"):
            logits(model, spec.inputs([TWO]))


def test_arguments_by_position(llava: tuple[Tiny, Any]) -> None:
    spec, model = llava
    batch = spec.inputs([ONE])
    given = (batch["input_ids"], batch["pixel_values"], batch["attention_mask"])
    with intervene(model, BaPA(), AGCI(0.3)), torch.no_grad():
        by_name = model.model(**batch).last_hidden_state
        assert torch.equal(model.model(*given).last_hidden_state, by_name)


def test_arguments_that_would_switch_nothing_on_are_refused(llava: tuple[Tiny, Any]) -> None:
    _, model = llava
    for wrong in (BaPA, [BaPA()], "bapa"):
        with pytest.raises(TypeError, match=r"such as BaPA\(\)"):
            intervene(model, wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bapa is given twice"):
        intervene(model, BaPA(), BaPA(anchor="center"))
    with pytest.raises(ValueError, match="video must be one of frame, clip"):
        intervene(model, BaPA(), video="frames")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unit must be one of"):
        Architecture(unit="imgae")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="begin has an effect with unit=run only"):
        Architecture(unit="image", begin=5)
    with pytest.raises(ValueError, match="one of begin and last"):
        Architecture(begin=5, last=6)


def test_replaced_facts_keep_the_axes_of_a_family_without_a_row(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from lmms_bapa.steering import ARCHITECTURES

    spec, model = TINY["qwen2_5_vl"], TINY["qwen2_5_vl"].build("qwen2_5_vl")
    monkeypatch.delitem(ARCHITECTURES, "qwen2_5_vl")
    row = with_options(model.config, unit="image")
    assert (row.axes, row.status) == (3, "expected")
    with intervene(model, BaPA(), architecture=row):
        generate(model, spec.inputs([TWO]))
    assert "not among the proven architectures" in caplog.text


def test_replaced_facts_are_not_proven(llava: tuple[Tiny, Any]) -> None:
    _, model = llava
    assert with_options(model.config).status == "proven"
    assert with_options(model.config, unit="row").status == "expected"


def test_encoders_may_return_tuples() -> None:
    """Nothing can be noted on a tuple; what it holds is the stock encoder's."""
    spec, model = TINY["perception_lm"], TINY["perception_lm"].build("perception_lm")
    pixels = spec.inputs([ONE])["pixel_values"]
    stock = model.model.get_image_features(pixels, return_dict=False)
    with intervene(model, AGCI(0.3)):
        seen = model.model.get_image_features(pixels, return_dict=False)
    assert type(seen) is type(stock)
    assert len(seen) == len(stock)
    assert all(map(torch.equal, seen, stock))


@pytest.mark.skipif("hunyuan_vl" not in TINY, reason="not in this transformers")
def test_agci_alone_needs_no_place_for_the_text() -> None:
    """A static cache brings a four-dimensional mask, from which M-RoPE's index cannot be read."""
    spec, model = TINY["hunyuan_vl"], TINY["hunyuan_vl"].build("hunyuan_vl")
    batch = spec.inputs([ONE])
    stock = decoder_input(model, batch)
    with intervene(model, AGCI(0.3)):
        assert not torch.equal(decoder_input(model, batch), stock)
        generate(model, batch, cache_implementation="static")


def test_a_version_of_transformers_that_was_not_tested_is_told(
    llava: tuple[Tiny, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, model = llava
    monkeypatch.setattr(architecture.transformers, "__version__", "5.13.1")
    intervene(model, BaPA()).remove()
    assert "transformers 5.13.1 was not tested" in caplog.text
    caplog.clear()
    monkeypatch.setattr(architecture.transformers, "__version__", "5.23.4")
    intervene(model, BaPA()).remove()
    assert not caplog.text


@pytest.mark.skipif("kimi_k25" not in TINY, reason="not in this transformers")
def test_a_family_that_had_another_shape_before_is_refused_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = TINY["kimi_k25"].build("kimi_k25")
    monkeypatch.setattr(architecture.transformers, "__version__", "5.13.1")
    with pytest.raises(UnsupportedModelError, match=r"kimi_k25: needs transformers 5\.23"):
        intervene(model, BaPA())
