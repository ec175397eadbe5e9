"""The layouts by name."""

from __future__ import annotations

from dataclasses import fields

from lmms_bapa.probes.layouts.base import Layout
from lmms_bapa.probes.layouts.free import Free
from lmms_bapa.probes.layouts.grid import Grid
from lmms_bapa.probes.layouts.pixel import Pixel

LAYOUTS: dict[str, type[Layout]] = {layout.name: layout for layout in (Grid, Free, Pixel)}


def options_of(layout: type[Layout]) -> set[str]:
    """Names of the fields that a layout has beyond those of every layout."""
    return {f.name for f in fields(layout)} - {f.name for f in fields(Layout)}
