"""Composes the canvas of a question from pictures in a folder; nothing composed is stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PIL import Image

from lmms_bapa.probes.captioned.pixels import decode, fit
from lmms_bapa.probes.layouts import grid_boxes


class Composer:
    """Draws canvases, and remembers the last few: a group shows the same pictures again.

    Args:
        read: gives the bytes of a picture by its file name.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        # 9 x 9 cells, the largest grid, fit in.
        self._tile = lru_cache(maxsize=96)(self._read_tile)
        self.compose = lru_cache(maxsize=4)(self._compose)

    def _read_tile(self, name: str, side: int) -> Image.Image:
        return fit(decode(self._read(name)), side)

    def _compose(self, names: tuple[str, ...], rows: int, canvas: int) -> Image.Image:
        image = Image.new("RGB", (canvas, canvas), "white")
        for name, box in zip(names, grid_boxes(rows, canvas), strict=True):
            image.paste(self._tile(name, box.side), (box.left, box.top))
        return image
