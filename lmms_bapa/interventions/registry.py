"""The registry of interventions: a method is one file that registers one class."""

from __future__ import annotations

from lmms_bapa.interventions.base import Intervention
from lmms_bapa.registry import enter

REGISTRY: dict[str, type[Intervention]] = {}


def register(cls: type[Intervention]) -> type[Intervention]:
    """Class decorator that makes an intervention known by its ``name``.

    Raises:
        ValueError: another class already has that name.
    """
    return enter(REGISTRY, cls, "interventions")
