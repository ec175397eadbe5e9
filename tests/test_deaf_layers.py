"""Which decoder layers do not feel positions is measured, and has to be what users are told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lmms_bapa.steering import anatomy

from .steering_tools import ONE
from .tiny import TINY


def _output(result: Any) -> Tensor:
    return result if torch.is_tensor(result) else result[0]


def deaf_layers(model: Any, batch: dict[str, Any], rotary: list[nn.Module], layers: Any) -> int:
    """How many layers give the same for the same input when all tokens get one position."""
    inputs: list[tuple[Any, Any]] = []
    outputs: list[Tensor] = []
    again: list[Tensor] = []

    def keep(_: Any, args: Any, kwargs: Any, result: Any) -> None:
        inputs.append((args, dict(kwargs)))
        outputs.append(_output(result).clone())

    def compare(_: Any, args: Any, kwargs: Any, result: Any) -> None:
        again.append(_output(result).clone())

    def same_input(_: Any, args: Any, kwargs: Any) -> Any:
        before, named = inputs[len(again)]
        if before:
            return (before[0], *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": named["hidden_states"]}

    def flatten(_: Any, args: Any, kwargs: Any) -> Any:
        if "position_ids" in kwargs:
            return args, {**kwargs, "position_ids": torch.zeros_like(kwargs["position_ids"])}
        return (args[0], torch.zeros_like(args[1]), *args[2:]), kwargs

    def run(before: dict[Any, list[nn.Module]], after: Any) -> None:
        hooks = [m.register_forward_hook(after, with_kwargs=True) for m in layers]
        for hook, modules in before.items():
            hooks += [m.register_forward_pre_hook(hook, with_kwargs=True) for m in modules]
        with torch.no_grad():
            model(**copy.deepcopy(batch), use_cache=False)
        for hook in hooks:
            hook.remove()

    run({}, keep)
    run({same_input: layers, flatten: rotary}, compare)
    assert len(outputs) == len(again) == len(layers)
    return sum(torch.equal(a, b) for a, b in zip(outputs, again, strict=True))


@pytest.mark.parametrize("name", sorted(TINY))
def test_layers_without_positions_are_counted(name: str) -> None:
    spec = TINY[name]
    model = spec.build(name)
    body = anatomy(model, tokenizer=spec.tokenizer)
    layers = next(m.layers for m in body.decoder.modules() if hasattr(m, "layers"))
    found = deaf_layers(model, spec.inputs([ONE]), body.rotary, layers)
    assert found == body.deaf_layers
