"""Interventions on what enters the decoder's layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lmms_bapa.interventions import Intervention, Tokens
from lmms_bapa.steering.architecture import Anatomy
from lmms_bapa.steering.errors import SteeringError, UnsupportedModelError


@dataclass(frozen=True)
class Layer:
    """One decoder layer whose input is changed.

    Attributes:
        model_type: the model it is of.
        module: the layer.
        number: its number, from 0.
        count: how many layers the decoder has.
        methods: the interventions that act on it.
    """

    model_type: str
    module: nn.Module
    number: int
    count: int
    methods: tuple[Intervention, ...]


def layers_for(body: Anatomy, interventions: Sequence[Intervention]) -> list[Layer]:
    """The decoder layers whose inputs are to be changed; none if no intervention asks for them.

    Raises:
        UnsupportedModelError: the layers cannot be found, or a setting does not fit their number.
    """
    methods = [one for one in interventions if one.changes_layers()]
    if not methods:
        return []
    modules = _layers(body)
    count = len(modules)
    try:
        acting = [(one, set(one.acting_layers(count))) for one in methods]
    except ValueError as error:
        raise UnsupportedModelError(f"{body.model_type}: {error}") from error
    found = []
    for number, module in enumerate(modules):
        here = tuple(one for one, numbers in acting if number in numbers)
        if here:
            found.append(Layer(body.model_type, module, number, count, here))
    return found


def _layers(body: Anatomy) -> list[nn.Module]:
    hint = "leave out methods that act on layers, such as agci_depth"
    if not body.architecture.layered:
        raise UnsupportedModelError(
            f"{body.model_type}: its layers have several hidden states for each token: {hint}"
        )
    config = getattr(body.decoder, "config", None)
    expected = getattr(config and config.get_text_config(), "num_hidden_layers", None)
    lists = [
        module
        for name, module in body.decoder.named_modules()
        if name.split(".")[-1] == "layers" and isinstance(module, nn.ModuleList)
    ]
    found = [module for module in lists if len(module) == expected]
    if len(found) != 1:
        raise UnsupportedModelError(
            f"{body.model_type}: the layers of its decoder {type(body.decoder).__name__} cannot be "
            f"found: {hint}"
        )
    return list(found[0])


def entered(
    layer: Layer,
    tokens: Tokens,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a layer's call with its hidden states changed.

    Args:
        layer: the layer.
        tokens: where the images are.
        args: positional arguments of the call.
        kwargs: its keyword arguments.

    Raises:
        SteeringError: the hidden states are not one vector for each token, or the layer will be
            run again for its gradients, when nothing can be changed any more.
    """
    x = args[0] if args else kwargs.get("hidden_states")
    wanted = tokens.segment.shape
    if not torch.is_tensor(x) or x.dim() != 3 or x.shape[:2] != wanted:
        shape = tuple(x.shape) if torch.is_tensor(x) else type(x).__name__
        raise SteeringError(
            f"{layer.model_type}: hidden states of shape {shape} arrived at decoder layer "
            f"{layer.number}, {tuple(wanted)} and a width were expected: its layers cannot be "
            "steered, leave out methods that act on them, such as agci_depth"
        )
    if layer.module.training and getattr(layer.module, "gradient_checkpointing", False):
        raise SteeringError(
            "gradient checkpointing runs decoder layers a second time, past the hooks: switch it "
            "off, or leave out methods that act on layers, such as agci_depth"
        )
    here = tokens.to(x.device)
    for one in layer.methods:
        x = one.layer_embeddings(x, here, layer.number, layer.count)
    if args:
        return (x, *args[1:]), kwargs
    return args, {**kwargs, "hidden_states": x}
