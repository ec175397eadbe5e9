"""The registry of layouts: a layout is one file that registers one class."""

from __future__ import annotations

from lmms_bapa.registry import enter
from lmms_bapa.shift.layouts.base import Layout

LAYOUTS: dict[str, type[Layout]] = {}


def register(cls: type[Layout]) -> type[Layout]:
    """Class decorator that makes a layout known by its ``name``.

    Raises:
        ValueError: another class already has that name.
    """
    return enter(LAYOUTS, cls, "layouts")
