"""Displaced by pixels: the same grid, a little to the right and down, against the patch raster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lmms_bapa.probes.layouts.base import Box, Layout, Place
from lmms_bapa.probes.layouts.grid import grid_boxes

_DICE = 2  # see free.py


@dataclass(frozen=True)
class Pixel(Layout):
    """The key stays in one cell while the whole grid is displaced; nothing else changes.

    The cell is drawn for each group, and every ``rows**2`` groups have each cell once: what a
    displacement does is then measured at all places alike, and is not the place's own effect.

    Attributes:
        shifts: displacements in pixels of the canvas. The grid is smaller than the canvas by the
            largest of them, so that it always fits.
    """

    name: ClassVar[str] = "pixel"
    figures: ClassVar[tuple[str, ...]] = ("shift_accuracy", "shift_std", "shift_range")
    shifts: tuple[int, ...] = (0, 1, 2, 4, 7, 14, 21, 28)

    def __post_init__(self) -> None:
        shown, most = f"shifts={list(self.shifts)}", self.canvas // 4
        if len(self.shifts) < 2 or len(set(self.shifts)) < len(self.shifts):
            raise ValueError(f"{shown}: should be two or more different numbers of pixels")
        if min(self.shifts) < 0 or max(self.shifts) > most:
            raise ValueError(
                f"{shown}: should be from 0 to {most}, a quarter of the canvas ({self.canvas} px)"
            )

    def places(self, group: int) -> list[Place]:
        """One place a displacement, in the order of ``shifts``."""
        turn, number = divmod(group, self.cells)
        cell = int(np.random.default_rng([self.seed, turn, _DICE]).permutation(self.cells)[number])
        home = grid_boxes(self.rows, self.canvas - max(self.shifts))
        return [
            Place(cell, tuple(Box(b.left + by, b.top + by, b.side) for b in home), by)
            for by in self.shifts
        ]
