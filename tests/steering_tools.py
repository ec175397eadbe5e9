"""Tools of the steering tests: runs of a small model, spies on it, and positions by hand."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.steering import Steering, intervene

from .tiny import Tiny
from .tiny.qwen_like import GRIDS
from .tiny.spec import IMAGE, Row, decoder_of, taken_by

NEW = 4
ONE: Row = [4, "a", 5]
TWO: Row = [3, "a", 2, "b", 4]
FIRST: Row = ["b", 7]
NONE: Row = [6]


def steer(spec: Tiny, model: Any, *interventions: Any) -> Steering:
    return intervene(model, *interventions, tokenizer=spec.tokenizer)


def logits(model: Any, batch: dict[str, Any]) -> Tensor:
    with torch.no_grad():
        return model(**copy.deepcopy(taken_by(model, batch))).logits


def generate(model: Any, batch: dict[str, Any], **kwargs: Any) -> Any:
    return model.generate(
        **copy.deepcopy(taken_by(model, batch)),
        do_sample=False,
        max_new_tokens=NEW,
        return_dict_in_generate=True,
        output_logits=True,
        **kwargs,
    )


def beam_scores(spec: Tiny, model: Any, row: Row, beams: int) -> tuple[Tensor, Tensor]:
    """The score that beam search gives its best beam, and the same from a recompute."""
    batch = spec.inputs([row])
    found = generate(model, batch, num_beams=beams, output_scores=True)
    steps = logits(model, spec.extended(batch, found.sequences[:, :-1]))[:, -NEW:].log_softmax(-1)
    chosen = steps.gather(-1, found.sequences[:, -NEW:, None])
    return found.sequences_scores[0], chosen.sum() / NEW


def assert_same(got: Tensor, want: Tensor) -> None:
    """Equal but for the rounding of single precision: 1e-5 of the largest logit."""
    bound = 1e-5 * max(1.0, float(want.abs().max()))
    torch.testing.assert_close(got, want, atol=bound, rtol=0)


def hooks_of(model: Any) -> list[Any]:
    """Everything that an intervention could have left on a model: hooks and attributes."""
    kinds = [name for name in vars(model) if name.startswith("_forward")]
    return [
        (name, sorted(vars(m)), [len(getattr(m, k)) for k in kinds])
        for name, m in model.named_modules()
    ]


def decoder_input(model: Any, batch: dict[str, Any]) -> Tensor:
    """The embeddings that enter the decoder."""
    seen: list[Tensor] = []

    def record(_: Any, __: Any, kwargs: Any) -> None:
        seen.append(kwargs["inputs_embeds"].detach().clone())

    handle = decoder_of(model).register_forward_pre_hook(record, with_kwargs=True)
    logits(model, batch)
    handle.remove()
    return seen[0]


def layer_inputs(model: Any, batch: dict[str, Any]) -> list[Tensor]:
    """The hidden states that each decoder layer works on in a prefill."""
    decoder = decoder_of(model)
    layers = decoder.layers if hasattr(decoder, "layers") else decoder.model.layers
    seen: list[Tensor] = []

    def record(_: Any, args: Any, kwargs: Any) -> None:
        x = args[0] if args else kwargs["hidden_states"]
        seen.append(x.detach().clone())

    handles = [m.register_forward_pre_hook(record, with_kwargs=True) for m in layers]
    logits(model, batch)
    for handle in handles:
        handle.remove()
    return seen


def pictures_of(spec: Tiny, rows: list[Row], batch: dict[str, Any]) -> list[tuple[int, list[int]]]:
    """The tokens of each picture of a batch that come from its pixels: (row, places)."""
    found = []
    for i, row in enumerate(rows):
        at = int((batch["attention_mask"][i] == 0).sum())
        for is_picture, ids in spec.layout(row):
            if is_picture:
                found.append((i, [at + j for j, token in enumerate(ids) if token == IMAGE]))
            at += len(ids)
    return found


def rotary_positions(
    model: Any,
    batch: dict[str, Any],
    axes: int,
    run: Callable[[Any, dict[str, Any]], Any] = generate,
) -> list[Tensor]:
    """What each rotary module was given in a run: (axes, B, prompt + steps) each."""
    decoder = decoder_of(model)
    passes: dict[tuple[str, int], list[Tensor]] = defaultdict(list)
    calls: dict[str, int] = defaultdict(int)
    length = 0
    handles = []

    def spy_on(name: str, module: Any) -> None:
        def record(_: Any, args: Any, kwargs: Any) -> None:
            positions = kwargs["position_ids"] if "position_ids" in kwargs else args[1]
            calls[name] += 1  # some are called once for each kind of layer
            steps = passes[name, calls[name]]
            if positions.shape[-1] > length:  # cached tokens again: they have to stay as they were
                assert torch.equal(positions[..., :-length].float(), torch.cat(steps, -1).float())
            steps.append(positions[..., -length:].detach().clone())

        handles.append(module.register_forward_pre_hook(record, with_kwargs=True))

    for name, module in decoder.named_modules():
        if type(module).__name__.endswith("RotaryEmbedding"):
            spy_on(name, module)

    def enter(_: Any, __: Any, kwargs: Any) -> None:
        nonlocal length
        length = kwargs["inputs_embeds"].shape[1]
        calls.clear()

    handles.append(decoder.register_forward_pre_hook(enter, with_kwargs=True))
    run(model, batch)
    for handle in handles:
        handle.remove()
    assert passes
    rows = batch["input_ids"].shape[0]
    return [
        torch.cat(
            [(s if s.dim() == 3 else s[None]).float().expand(axes, rows, -1) for s in steps], -1
        )
        for steps in passes.values()
    ]


def parts_of(spec: Tiny, row: Row) -> list[tuple[bool, int]]:
    """A row and what is generated behind it, in parts: (whether it is a picture, its length)."""
    return [*((kind, len(ids)) for kind, ids in spec.layout(row)), (False, NEW - 1)]


def balanced_by_hand(spec: Tiny, row: Row) -> list[int]:
    """The paper's words: a picture takes one position, the text goes on behind it."""
    positions: list[int] = []
    p = spec.first
    for is_picture, n in parts_of(spec, row):
        positions += [p] * n if is_picture else range(p, p + n)
        p += bool(n) if is_picture else n
    return positions


def stock_by_hand(spec: Tiny, row: Row) -> list[list[int]]:
    """Stock positions of a family with one axis, or with Qwen2-VL's three; a list for each axis.

    M-RoPE (Qwen2-VL, section 2.1): a picture that starts at p has p, p + row, p + column on the
    three axes, and the text after it goes on from its largest position + 1.
    """
    axes: list[list[int]] = [[] for _ in range(spec.axes)]
    grids = iter([GRIDS[part] for part in row if isinstance(part, str)])
    p = 0
    for is_picture, n in parts_of(spec, row):
        if is_picture and spec.axes == 3:
            h, w = (patches // 2 for patches in next(grids))
            axes[0] += [p] * n
            axes[1] += [p + r for r in range(h) for _ in range(w)]
            axes[2] += [p + c for _ in range(h) for c in range(w)]
            p += max(h, w)
        else:
            for axis in axes:
                axis += range(p, p + n)
            p += n
    return axes
