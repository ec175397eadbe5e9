"""The registry of exporters: an exporter is one file that registers one class."""

from __future__ import annotations

from lmms_bapa.export.base import Exporter
from lmms_bapa.registry import enter

EXPORTERS: dict[str, type[Exporter]] = {}


def register(cls: type[Exporter]) -> type[Exporter]:
    """Class decorator that makes an exporter known by its ``name``.

    Raises:
        ValueError: another class already has that name.
    """
    return enter(EXPORTERS, cls, "exporters")
