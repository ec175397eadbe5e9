"""The hook layer on real architectures, against hand-computed positions and the untouched model."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import SteeringError, intervene

from .steering_tools import (
    FIRST,
    NONE,
    ONE,
    SETTINGS,
    TWO,
    RotarySpy,
    decoder_input,
    expected_positions,
    generate,
    hooks_of,
    logits,
)
from .tiny_models import IMAGE, TINY, Row, TinyModel


def test_off_is_bit_identical(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO, NONE])
    before, tokens, hooks = logits(model, batch), generate(model, batch), hooks_of(model)
    for nothing in ([], [BaPA(strength=0)], [AGCI(0.0)], [BaPA(strength=0), AGCI(0.0)]):
        with intervene(model, *nothing):
            assert hooks_of(model) == hooks
            assert torch.equal(logits(model, batch), before)
            off = generate(model, batch)
            assert torch.equal(off.sequences, tokens.sequences)
            for a, b in zip(off.logits, tokens.logits, strict=True):
                assert torch.equal(a, b)


def test_nothing_is_left_behind(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])

    before, reference = hooks_of(model), logits(model, batch)
    handle = intervene(model, BaPA(), AGCI(0.3))
    assert not torch.equal(logits(model, batch), reference)
    assert hooks_of(model) != before
    handle.remove()
    handle.remove()
    assert hooks_of(model) == before
    assert torch.equal(logits(model, batch), reference)

    with pytest.raises(ZeroDivisionError), intervene(model, BaPA(), AGCI(0.3)):
        raise ZeroDivisionError
    assert hooks_of(model) == before

    # An exception inside a forward pass leaves neither hooks nor a half-read call behind.
    broken = dict(copy.deepcopy(batch))
    broken["pixel_values"] = broken["pixel_values"][:1]
    with intervene(model, BaPA()) as handle:
        with pytest.raises((RuntimeError, ValueError, IndexError)):
            model(**broken)
        assert handle._call is None
        steered = logits(model, batch)
    assert hooks_of(model) == before
    with intervene(model, BaPA()):
        assert torch.equal(logits(model, batch), steered)


def test_a_failed_attach_attaches_nothing(
    tiny: tuple[TinyModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE])
    reference = logits(model, batch)
    rotary = model.get_decoder().rotary_emb

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(rotary, "register_forward_pre_hook", fail)
    with pytest.raises(MemoryError):
        intervene(model, BaPA())
    monkeypatch.undo()
    assert torch.equal(logits(model, batch), reference)
    intervene(model, BaPA()).remove()


def test_one_handle_at_a_time(tiny: tuple[TinyModel, Any]) -> None:
    _, model = tiny
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="steered already"):
        intervene(model, AGCI(0.3))
    intervene(model, AGCI(0.3)).remove()


@pytest.mark.parametrize("bapa", SETTINGS, ids=str)
@pytest.mark.parametrize("rows", [[ONE], [TWO], [FIRST], [ONE, TWO, NONE, FIRST]], ids=str)
def test_positions_equal_the_hand_computed_list(
    tiny: tuple[TinyModel, Any], rows: list[Row], bapa: BaPA
) -> None:
    spec, model = tiny
    batch = spec.inputs(rows)
    with intervene(model, bapa):
        spy = RotarySpy(model)
        generate(model, batch)
        spy.handle.remove()
    got = spy.rows(len(rows), spec.axes)
    for i, row in enumerate(rows):
        want = torch.tensor(expected_positions(spec, row, bapa))[:, :-1]  # the last is never fed
        pad = int((batch["attention_mask"][i] == 0).sum())
        torch.testing.assert_close(got[:, i, pad:], want)


@pytest.mark.parametrize(
    "setting", [[BaPA()], [AGCI(0.5)], [BaPA(0.5, "center"), AGCI(0.3)]], ids=str
)
def test_a_row_in_a_batch_equals_the_row_alone(
    tiny: tuple[TinyModel, Any], setting: list[Any]
) -> None:
    spec, model = tiny
    rows = [ONE, TWO, NONE, FIRST]
    every = [p for row in rows for p in row if isinstance(p, str)]
    batch = spec.inputs(rows)
    with intervene(model, *setting):
        together = generate(model, batch)
        seen = 0
        for i, row in enumerate(rows):
            alone = spec.inputs([row])
            mine = sum(isinstance(p, str) for p in row)
            if mine:  # the same pictures that the row has inside the batch
                pictures = split_pictures(spec, spec.pictures(every), seen, seen + mine)
                alone |= pictures
            seen += mine
            single = generate(model, alone)
            for a, b in zip(together.logits, single.logits, strict=True):
                torch.testing.assert_close(a[i], b[0], atol=2e-5, rtol=0)


def split_pictures(
    spec: TinyModel, pictures: dict[str, torch.Tensor], start: int, stop: int
) -> dict[str, torch.Tensor]:
    if spec.axes == 1:
        return {"pixel_values": pictures["pixel_values"][start:stop]}
    patches = pictures["image_grid_thw"].prod(dim=1).cumsum(0).tolist()
    first = patches[start - 1] if start else 0
    return {
        "pixel_values": pictures["pixel_values"][first : patches[stop - 1]],
        "image_grid_thw": pictures["image_grid_thw"][start:stop],
    }


@pytest.mark.parametrize("scope", ["image", "call"])
def test_agci_equals_the_formula(tiny: tuple[TinyModel, Any], scope: str) -> None:
    spec, model = tiny
    rows = [ONE, TWO]
    batch = spec.inputs(rows)
    stock = decoder_input(model, batch)
    with intervene(model, AGCI(0.7, scope=scope)):
        got = decoder_input(model, batch)
    places: list[list[tuple[int, int]]] = []
    for i, row in enumerate(rows):
        at = int((batch["attention_mask"][i] == 0).sum())
        for kind, n, _ in spec.layout(row):
            if kind == "image":
                places.append([(i, at + j) for j in range(n)])
            at += n
    if scope == "call":
        places = [[p for image in places for p in image]]
    want = stock.clone()
    for image in places:
        v = torch.stack([stock[p] for p in image])
        g = v.sum(0) / len(v)
        for p, token in zip(image, v, strict=True):
            cosine = token @ g / (token.norm() * g.norm())
            want[p] = token + 0.7 * (1 - cosine) * g
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    text = batch["input_ids"] != IMAGE
    assert torch.equal(got[text], stock[text])


@pytest.mark.parametrize("run", [logits, generate])
def test_adjacent_images_are_two_images(run: Any) -> None:
    """In a forward call, which encodes its pictures, and in generate(), which did so before."""
    spec = TINY["llava"]
    model = spec.build()
    batch = spec.inputs([[3, "a", "b", 4]])
    with intervene(model, BaPA()):
        spy = RotarySpy(model)
        run(model, batch)
        spy.handle.remove()
    assert spy.seen[0][0].tolist() == [0, 1, 2, *[3] * 16, *[4] * 16, 5, 6, 7, 8]


def test_gradients_reach_the_projector_and_the_decoder(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([TWO])
    with intervene(model, BaPA(), AGCI(0.3)):
        loss = model(**batch, labels=batch["input_ids"]).loss
        loss.backward()
    gradients = [p.grad for p in model.model.parameters() if p.grad is not None]
    model.zero_grad()
    assert len(gradients) > 10
    assert all(torch.isfinite(g).all() for g in gradients)


def test_a_family_without_a_row_is_steered_by_runs_of_image_tokens(
    tiny: tuple[TinyModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmms_bapa.steering import ARCHITECTURES

    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    with intervene(model, BaPA(), AGCI(0.3)) as handle:
        want = logits(model, batch)
        assert handle.anatomy is not None
        assert handle.anatomy.architecture.status == "proven"
    monkeypatch.delitem(ARCHITECTURES, model.config.model_type)
    with intervene(model, BaPA(), AGCI(0.3)) as handle:
        assert torch.equal(logits(model, batch), want)
        assert handle.anatomy is not None
        assert handle.anatomy.architecture.status == "expected"
