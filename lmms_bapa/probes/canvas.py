"""Composes the canvas of a question when it is asked for; nothing is stored on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from lmms_bapa.probes.layouts import Box, grid_boxes
from lmms_bapa.probes.pictures import draw_picture

# A group shows the same pictures in every cell in turn, so a few recent pictures and canvases
# are all that is worth keeping: memory stays flat however many questions are asked.
_picture = lru_cache(maxsize=64)(draw_picture)


@lru_cache(maxsize=4)
def compose(
    tiles: tuple[str, ...],
    seeds: tuple[int, ...],
    rows: int,
    canvas: int,
    boxes: tuple[Box, ...] | None = None,
) -> Image.Image:
    """Puts one picture in each box of a white canvas.

    Args:
        tiles: the captions, row by row.
        seeds: the seed of each picture.
        rows: boxes a side.
        canvas: side of the canvas in pixels.
        boxes: where the pictures stand, row by row; None is the regular grid.

    Returns:
        The RGB canvas. The image is shared between callers: copy it before changing it.
    """
    image = Image.new("RGB", (canvas, canvas), "white")
    for tile, seed, box in zip(tiles, seeds, boxes or grid_boxes(rows, canvas), strict=True):
        image.paste(_picture(tile, seed, box.side), (box.left, box.top))
    return image


def canvas_of(question: Mapping[str, Any]) -> Image.Image:
    """The canvas of one question of :mod:`lmms_bapa.probes.questions`."""
    tiles: Sequence[str] = question["tiles"]
    seeds: Sequence[int] = question["seeds"]
    boxes = tuple(Box(*box) for box in question.get("boxes") or ()) or None
    return compose(tuple(tiles), tuple(seeds), question["rows"], question["canvas"], boxes)
