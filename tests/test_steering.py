"""The hook layer on real architectures, against hand-computed positions and the untouched model."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import SteeringError, UnsupportedModelError, intervene

from .tiny_models import IMAGE, TINY, VIDEO, Row, TinyModel

NEW = 5
ONE: Row = [4, "a", 5]
TWO: Row = [3, "a", 2, "b", 4]
NONE: Row = [6]
FIRST: Row = ["a", 7]

SETTINGS = [
    BaPA(),
    BaPA(strength=0.5),
    BaPA(anchor="center"),
    BaPA(anchor=0.0),
    BaPA(anchor=0.25, strength=0.5),
]


@pytest.fixture(scope="module", params=list(TINY))
def tiny(request: pytest.FixtureRequest) -> tuple[TinyModel, Any]:
    spec = TINY[request.param]
    return spec, spec.build()


def generate(model: Any, batch: dict[str, Any], **kwargs: Any) -> Any:
    return model.generate(
        **copy.deepcopy(batch),
        do_sample=False,
        max_new_tokens=NEW,
        output_logits=True,
        return_dict_in_generate=True,
        **kwargs,
    )


def logits(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    with torch.no_grad():
        return model(**copy.deepcopy(batch)).logits


def extended(batch: dict[str, Any], ids: torch.Tensor) -> dict[str, Any]:
    """The batch with generated ids appended, for a recompute without a cache."""
    longer = dict(copy.deepcopy(batch), input_ids=ids)
    new = ids.shape[1] - batch["input_ids"].shape[1]
    for key, value in (("attention_mask", 1), ("mm_token_type_ids", 0)):
        if key in longer:
            tail = torch.full((ids.shape[0], new), value)
            longer[key] = torch.cat([longer[key], tail], dim=1)
    return longer


def stock_positions(spec: TinyModel, row: Row) -> list[list[float]]:
    """Stock positions by hand, one list per axis, with NEW positions of text behind them.

    M-RoPE (Qwen2-VL, section 2.1): an image that starts at p has p, p + row, p + column on the
    three axes, and the text after it goes on from its largest position + 1.
    """
    axes: list[list[float]] = [[] for _ in range(spec.axes)]
    p = 0
    for kind, n, grid in [*spec.layout(row), ("text", NEW, None)]:
        if kind == "text" or spec.axes == 1:
            for axis in axes:
                axis += [p + i for i in range(n)]
            p += n
        else:
            h, w = grid
            axes[0] += [p] * n
            axes[1] += [p + r for r in range(h) for _ in range(w)]
            axes[2] += [p + c for _ in range(h) for c in range(w)]
            p += max(h, w)
    return axes


def expected_positions(spec: TinyModel, row: Row, bapa: BaPA) -> list[list[float]]:
    """The positions that BaPA asks for, by hand, from the words of the paper."""
    stock = stock_positions(spec, row)
    target: list[list[float]] = [[] for _ in stock]
    p = done = 0
    for kind, n, _ in [*spec.layout(row), ("text", NEW, None)]:
        for axis, old in zip(target, stock, strict=True):
            here = old[done : done + n]
            if bapa.anchor == "paper":
                axis += [p] * n if kind == "image" else [p + i for i in range(n)]
            elif kind == "text":
                axis += here
            elif bapa.anchor == "center":
                axis += [sum(here) / n] * n
            else:
                axis += [min(here) + bapa.anchor * (max(here) - min(here))] * n
        p += 1 if kind == "image" else n
        done += n
    s = bapa.strength
    return [
        [a + s * (b - a) for a, b in zip(old, new, strict=True)]
        for old, new in zip(stock, target, strict=True)
    ]


class RotarySpy:
    """Records what the decoder's rotary embedding is given, after all other hooks."""

    def __init__(self, model: Any) -> None:
        self.seen: list[torch.Tensor] = []
        self.handle = model.get_decoder().rotary_emb.register_forward_pre_hook(
            self._record, with_kwargs=True
        )

    def _record(self, _: Any, args: Any, kwargs: Any) -> None:
        positions = kwargs["position_ids"] if "position_ids" in kwargs else args[1]
        self.seen.append(positions.detach().clone())

    def rows(self, batch: int, axes: int) -> torch.Tensor:
        """All positions of a generation, shape (axes, batch, prompt + steps)."""
        steps = [s if s.dim() == 3 else s[None] for s in self.seen]
        return torch.cat([s.float().expand(axes, batch, -1) for s in steps], dim=-1)


def test_off_is_bit_identical(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO, NONE])
    before, tokens = logits(model, batch), generate(model, batch)
    for nothing in ([], [BaPA(strength=0), AGCI(0.0)]):
        with intervene(model, *nothing):
            assert torch.equal(logits(model, batch), before)
            off = generate(model, batch)
            assert torch.equal(off.sequences, tokens.sequences)
            for a, b in zip(off.logits, tokens.logits, strict=True):
                assert torch.equal(a, b)


def test_nothing_is_left_behind(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])

    def traces() -> list[Any]:
        kinds = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs",
                 "_forward_hooks_with_kwargs", "_forward_hooks_always_called")  # fmt: skip
        return [
            (n, sorted(m.__dict__), [len(getattr(m, k)) for k in kinds])
            for n, m in model.named_modules()
        ]

    before, reference = traces(), logits(model, batch)
    handle = intervene(model, BaPA(), AGCI(0.3))
    assert not torch.equal(logits(model, batch), reference)
    assert traces() != before
    handle.remove()
    handle.remove()
    assert traces() == before
    assert torch.equal(logits(model, batch), reference)

    with pytest.raises(ZeroDivisionError), intervene(model, BaPA(), AGCI(0.3)):
        raise ZeroDivisionError
    assert traces() == before

    # An exception inside a forward pass leaves neither hooks nor a half-read call behind.
    broken = dict(copy.deepcopy(batch))
    broken["pixel_values"] = broken["pixel_values"][:1]
    with intervene(model, BaPA()) as handle:
        with pytest.raises((RuntimeError, ValueError, IndexError)):
            model(**broken)
        assert handle._call is None
        steered = logits(model, batch)
    assert traces() == before
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


@pytest.mark.parametrize("bapa", SETTINGS, ids=str)
def test_cached_decoding_equals_recompute(tiny: tuple[TinyModel, Any], bapa: BaPA) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO, NONE])
    with intervene(model, bapa, AGCI(0.3)):
        out = generate(model, batch)
        full = extended(batch, out.sequences[:, :-1])
        # As generate() does: positions count the tokens that are not padding.
        if spec.axes == 1:
            full["position_ids"] = (full["attention_mask"].cumsum(1) - 1).clamp(min=0)
        again = logits(model, full)
    start = batch["input_ids"].shape[1] - 1
    for step, cached in enumerate(out.logits):
        torch.testing.assert_close(cached, again[:, start + step], atol=1e-5, rtol=0)


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


def decoder_input(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    seen: list[torch.Tensor] = []

    def record(_: Any, __: Any, kwargs: Any) -> None:
        seen.append(kwargs["inputs_embeds"].detach().clone())

    handle = model.get_decoder().register_forward_pre_hook(record, with_kwargs=True)
    logits(model, batch)
    handle.remove()
    return seen[0]


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


def test_beams_equal_recompute(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([TWO])
    with intervene(model, BaPA(), AGCI(0.3)):
        out = model.generate(
            **copy.deepcopy(batch), do_sample=False, num_beams=3, max_new_tokens=NEW,
            return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
        again = logits(model, extended(batch, out.sequences[:, :-1]))
    start = batch["input_ids"].shape[1] - 1
    allowed = again[:, start:].clone()
    chosen = out.sequences[:, start + 1 :, None]
    score = allowed.log_softmax(-1).gather(2, chosen).sum() / NEW
    torch.testing.assert_close(score, out.sequences_scores[0], atol=1e-5, rtol=0)


def test_interleaved_generations_keep_apart(tiny: tuple[TinyModel, Any]) -> None:
    """The decode state belongs to the cache, not to the model."""
    spec, model = tiny
    batches = [spec.inputs([ONE]), spec.inputs([TWO])]
    with intervene(model, BaPA()), torch.no_grad():
        want = [
            logits(model, extended(b, torch.cat([b["input_ids"], torch.tensor([[9]])], 1)))[:, -1]
            for b in batches
        ]
        caches = [model(**copy.deepcopy(b), use_cache=True).past_key_values for b in batches]
        got = []
        for b, cache in zip(batches, caches, strict=True):
            mask = torch.ones(1, b["input_ids"].shape[1] + 1, dtype=torch.long)
            step = {"input_ids": torch.tensor([[9]]), "attention_mask": mask}
            if spec.axes > 1:
                stock = torch.tensor(stock_positions(spec, ONE if b is batches[0] else TWO))
                step["position_ids"] = stock[:, None, -NEW : -NEW + 1].long()
            got.append(model(**step, past_key_values=cache, use_cache=True).logits[:, -1])
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_a_second_turn_on_a_kept_cache_equals_one_pass() -> None:
    spec = TINY["llava"]
    model = spec.build()
    whole = spec.inputs([[3, "a", 4, 2, "b", 3]])
    cut = 3 + 16 + 4
    with intervene(model, BaPA()), torch.no_grad():
        want = logits(model, whole)[:, -1]
        first = model(
            input_ids=whole["input_ids"][:, :cut],
            pixel_values=whole["pixel_values"][:1],
            use_cache=True,
        )
        second = model(
            input_ids=whole["input_ids"][:, cut:],
            pixel_values=whole["pixel_values"][1:],
            attention_mask=whole["attention_mask"],
            past_key_values=first.past_key_values,
        )
    torch.testing.assert_close(second.logits[:, -1], want, atol=1e-5, rtol=0)


def test_a_generated_image_token_is_text(tiny: tuple[TinyModel, Any]) -> None:
    """Only pictures make an image; afterwards every token counts one, whatever its id."""
    spec, model = tiny
    batch = spec.inputs([ONE])
    length = batch["input_ids"].shape[1]
    with intervene(model, BaPA(), AGCI(0.5)), torch.no_grad():
        spy = RotarySpy(model)
        cache = model(**copy.deepcopy(batch), use_cache=True).past_key_values
        for step in range(1, 4):
            mask = torch.ones(1, length + step, dtype=torch.long)
            token = torch.tensor([[IMAGE]])
            model(input_ids=token, attention_mask=mask, past_key_values=cache, use_cache=True)
        spy.handle.remove()
    first = expected_positions(spec, ONE, BaPA())[0][length]
    assert spy.rows(1, spec.axes)[0, 0, length:].tolist() == [first, first + 1, first + 2]


def test_adjacent_images_are_two_images() -> None:
    spec = TINY["llava"]
    model = spec.build()
    batch = spec.inputs([[3, "a", "b", 4]])
    with intervene(model, BaPA()):
        spy = RotarySpy(model)
        logits(model, batch)
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


# What cannot be followed is an error, never a run without the intervention.


def test_merged_embeddings_without_ids_are_refused(tiny: tuple[TinyModel, Any]) -> None:
    _, model = tiny
    x = torch.randn(1, 9, 48)
    with intervene(model, AGCI(0.3)):
        with pytest.raises(SteeringError, match="without token ids"):
            model(inputs_embeds=x)
        with pytest.raises(SteeringError, match="without token ids"):
            model.get_decoder()(inputs_embeds=x)
    model(inputs_embeds=x)


def test_pictures_without_image_tokens_are_refused(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([NONE]) | spec.pictures(["a"])
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="no image token"):
        model(**batch)


def test_image_tokens_without_pictures_are_refused(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    batch = {k: v for k, v in spec.inputs([ONE]).items() if k in ("input_ids", "attention_mask")}
    with (
        intervene(model, AGCI(0.3)),
        pytest.raises(SteeringError, match="no pictures came with it"),
    ):
        model(**batch)
    model(**batch)


def test_position_axes_that_nobody_told_of_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_bapa.steering.architecture import ARCHITECTURES, Architecture

    spec = TINY["qwen2_5_vl"]
    model = spec.build()
    monkeypatch.setitem(ARCHITECTURES, "qwen2_5_vl", Architecture(unit="image", axes=1))
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="1 axes were expected"):
        generate(model, spec.inputs([ONE]))


def test_a_family_without_a_row_is_steered_by_runs_of_image_tokens(
    tiny: tuple[TinyModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmms_bapa.steering.architecture import ARCHITECTURES

    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    with intervene(model, BaPA(), AGCI(0.3)) as handle:
        want = logits(model, batch)
        assert handle.anatomy is not None
        assert handle.anatomy.architecture.proven
    monkeypatch.delitem(ARCHITECTURES, model.config.model_type)
    with intervene(model, BaPA(), AGCI(0.3)) as handle:
        assert torch.equal(logits(model, batch), want)
        assert handle.anatomy is not None
        assert not handle.anatomy.architecture.proven


def test_video_is_refused() -> None:
    spec = TINY["qwen2_5_vl"]
    model = spec.build()
    batch = spec.inputs([NONE])
    batch["input_ids"][0, 2] = VIDEO
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="video"):
        model(**batch)


def test_an_image_cut_by_a_chunked_prefill_is_refused() -> None:
    spec = TINY["llava"]
    model = spec.build()
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="prefill_chunk_size"):
        generate(model, spec.inputs([ONE]), prefill_chunk_size=8)


def test_a_rotary_embedding_that_is_never_called_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = TINY["llava"]
    model = spec.build()
    decoder = model.get_decoder()
    rotary = decoder.rotary_emb
    with intervene(model, BaPA()):
        # A decoder that computes its angles by another way, past the hooked module.
        monkeypatch.setattr(type(decoder), "forward", _without_rotary_call(rotary))
        with pytest.raises(SteeringError, match="never called"):
            logits(model, spec.inputs([ONE]))


def _without_rotary_call(rotary: Any) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPast

    def forward(self: Any, inputs_embeds: torch.Tensor, **_: Any) -> Any:
        rotary.forward(inputs_embeds, torch.arange(inputs_embeds.shape[1])[None])
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds)

    return forward


def test_unsupported_models_are_refused_before_anything_is_attached() -> None:
    from transformers import (
        Blip2Config,
        Blip2ForConditionalGeneration,
        LlamaConfig,
        LlamaForCausalLM,
        MllamaConfig,
        MllamaForConditionalGeneration,
    )

    small = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    text = dict(small, vocab_size=50, num_key_value_heads=2, pad_token_id=0)
    with torch.device("meta"):
        llama = LlamaForCausalLM(LlamaConfig(**text))
        mllama = MllamaForConditionalGeneration(
            MllamaConfig(
                vision_config=dict(hidden_size=32),
                text_config=dict(text, cross_attention_layers=[1]),
            )
        )
        blip = Blip2ForConditionalGeneration(
            Blip2Config(
                vision_config=small,
                qformer_config=small,
                text_config=dict(model_type="opt", **small, ffn_dim=32, word_embed_proj_dim=32),
                image_token_index=7,
            )
        )
    for model, reason in [
        (llama, "image token"),
        (mllama, "cross-attention"),
        (blip, "rotary|no separate|merged"),
    ]:
        with pytest.raises(UnsupportedModelError, match=reason):
            intervene(model, BaPA())
    with pytest.raises(UnsupportedModelError, match="not a transformers model"):
        intervene(torch.nn.Linear(2, 2), BaPA())
