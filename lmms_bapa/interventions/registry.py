"""The registry of interventions: a method is one file that registers one class."""

from __future__ import annotations

from lmms_bapa.interventions.base import Intervention

REGISTRY: dict[str, type[Intervention]] = {}


def register(cls: type[Intervention]) -> type[Intervention]:
    """Class decorator that makes an intervention known by its ``name``.

    Raises:
        ValueError: another class already has that name.
    """
    other = REGISTRY.get(cls.name)
    if other is not None and other.__qualname__ != cls.__qualname__:
        raise ValueError(f"two interventions are called {cls.name!r}: {other} and {cls}")
    REGISTRY[cls.name] = cls
    return cls
