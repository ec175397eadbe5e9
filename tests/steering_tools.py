"""Tools of the steering tests: positions by hand, spies, and the models they look at."""

from __future__ import annotations

import copy
from typing import Any

import torch

from lmms_bapa.interventions import BaPA

from .tiny.spec import decoder_of, taken_by
from .tiny_models import Row, TinyModel

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


def generate(model: Any, batch: dict[str, Any], **kwargs: Any) -> Any:
    return model.generate(
        **copy.deepcopy(taken_by(model, batch)),
        do_sample=False,
        max_new_tokens=NEW,
        output_logits=True,
        return_dict_in_generate=True,
        **kwargs,
    )


def logits(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    with torch.no_grad():
        return model(**copy.deepcopy(taken_by(model, batch))).logits


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


def hooks_of(model: Any) -> list[Any]:
    """Everything that an intervention could have left on a model: hooks and attributes."""
    kinds = [name for name in vars(model) if name.startswith("_forward")]
    return [
        (name, sorted(vars(m)), [len(getattr(m, k)) for k in kinds])
        for name, m in model.named_modules()
    ]


def decoder_input(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    seen: list[torch.Tensor] = []

    def record(_: Any, __: Any, kwargs: Any) -> None:
        seen.append(kwargs["inputs_embeds"].detach().clone())

    handle = decoder_of(model).register_forward_pre_hook(record, with_kwargs=True)
    logits(model, batch)
    handle.remove()
    return seen[0]
