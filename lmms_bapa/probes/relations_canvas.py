"""Draws the canvas of a relation question when it is asked for; other cells stay white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from lmms_bapa.probes.canvas import compose
from lmms_bapa.probes.layouts import grid_boxes


def relation_canvas(question: Mapping[str, Any]) -> Image.Image:
    """The canvas of one question of :mod:`lmms_bapa.probes.relations`.

    Returns:
        An RGB image that is shared between callers: copy it before changing it.
    """
    rows, canvas = question["rows"], question["canvas"]
    grid = grid_boxes(rows, canvas)
    boxes = tuple(grid[cell] for cell in question["cells"])
    return compose(tuple(question["tiles"]), tuple(question["seeds"]), rows, canvas, boxes)
