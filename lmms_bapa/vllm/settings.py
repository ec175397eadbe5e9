"""Which interventions an engine is to have: text that travels to all its processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from typing import Any

import torch

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import REGISTRY, Intervention, Tokens
from lmms_bapa.interventions.base import check_together
from lmms_bapa.validation import nearest
from lmms_bapa.vllm import VARIABLE

_EXAMPLE = '{"agci": {"lambda_": 0.3}, "bapa": {}}'


def to_text(interventions: Sequence[Intervention]) -> str:
    """Interventions as JSON: fields by name, such as ``{"agci": {"lambda_": 0.3}}``.

    Returns:
        The text, the same for the same settings; empty if nothing would be changed.
    """
    active = {i.name: asdict(i) for i in interventions if not i.is_identity}
    return json.dumps(active) if active else ""


def from_text(text: str) -> tuple[Intervention, ...]:
    """Reads what :func:`to_text` wrote, or a person; fields that are left out take their defaults.

    Returns:
        The interventions that change something.

    Raises:
        UsageError: another form, an unknown method or field, a value out of range, or a method
            that vLLM cannot have.
    """
    try:
        given = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise UsageError(f"{VARIABLE}: not JSON ({error}): write {_EXAMPLE}") from error
    if not isinstance(given, dict) or not all(isinstance(f, dict) for f in given.values()):
        raise UsageError(f"{VARIABLE}: should be methods with their fields: {_EXAMPLE}")
    found = tuple(_made(name, fields) for name, fields in given.items())
    active = tuple(i for i in found if not i.is_identity)
    check(active)
    return active


def _made(name: str, fields: dict[str, Any]) -> Intervention:
    if name not in REGISTRY:
        raise UsageError(f"{VARIABLE}: unknown method {name!r}: {nearest(name, list(REGISTRY))}")
    known = [field.name for field in dataclass_fields(REGISTRY[name])]
    for field in fields:
        if field not in known:
            hint = nearest(field, known)
            raise UsageError(f"{VARIABLE}: {name}: unknown field {field!r}: {hint}")
    try:
        return REGISTRY[name](**fields)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{VARIABLE}: {name}: {error}") from error


def check(interventions: Sequence[Intervention]) -> None:
    """Refuses what an engine of vLLM cannot do.

    Nothing is asked by name: a method shows what it does on a small prompt with two images.

    Raises:
        UsageError: a method acts inside the decoder, gives positions between whole numbers, or
            lets an image see another one.
    """
    try:
        check_together(interventions)
    except ValueError as error:
        raise UsageError(str(error)) from error
    for method in interventions:
        if method.is_identity:
            continue
        if method.changes_layers():
            raise UsageError(
                f"{method}: acts on the inputs of decoder layers, which vLLM compiles: "
                "take --model hf_bapa"
            )
        if method.moves_positions() and _positions(method).is_floating_point():
            raise UsageError(
                f"{method}: gives positions between whole numbers, and vLLM's rotary embedding "
                "takes whole ones: take bapa=true alone, or --model hf_bapa"
            )
        if method.changes_embeddings() and _sees_other_images(method):
            raise UsageError(
                f"{method}: an image's tokens depend on other images of the batch, which vLLM "
                "encodes apart: leave the scope out, or take --model hf_bapa"
            )


# Text, two tokens of an image, text, three tokens of another, text.
_SEGMENT = torch.tensor([[0, 1, 1, 0, 2, 2, 2, 0]])
_SURPLUS = torch.tensor([[0, 0, 1, 1, 1, 2, 3, 3]])


def _prompt(segment: torch.Tensor) -> Tokens:
    index = torch.arange(segment.shape[1]).unsqueeze(0)
    return Tokens(segment, segment > 0, _SURPLUS[:, : segment.shape[1]], index)


def _positions(method: Intervention) -> torch.Tensor:
    tokens = _prompt(_SEGMENT)
    return method.positions(tokens.index, tokens)


def _sees_other_images(method: Intervention) -> bool:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, _SEGMENT.shape[1], 8, generator=generator)
    first = slice(0, 3)
    together = method.embeddings(x, _prompt(_SEGMENT))[:, first]
    alone = method.embeddings(x[:, first], _prompt(_SEGMENT[:, first]))
    return not torch.allclose(together, alone)
