"""The registry of layouts: a layout is one file that registers one class."""

from __future__ import annotations

from lmms_bapa.shift.layouts.base import Layout

LAYOUTS: dict[str, type[Layout]] = {}


def register(cls: type[Layout]) -> type[Layout]:
    """Class decorator that makes a layout known by its ``name``.

    Raises:
        ValueError: another class already has that name.
    """
    other = LAYOUTS.get(cls.name)
    if other is not None and other.__qualname__ != cls.__qualname__:
        raise ValueError(f"two layouts are called {cls.name!r}: {other} and {cls}")
    LAYOUTS[cls.name] = cls
    return cls
