"""The paper's grid: the key visits every cell of equal boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmms_bapa.probes.layouts.base import CANVAS, Box, Layout, Place

# Measured on the paper's published samples, for its canvas of 840 px: boxes of 270 px, 8 px of
# border and 7 px between boxes.
BORDER, GAP = 8, 7


def grid_boxes(rows: int = 3, canvas: int = CANVAS) -> tuple[Box, ...]:
    """Equal boxes in row-major order; border and gap keep the paper's proportions.

    Args:
        rows: boxes a side.
        canvas: side of the canvas in pixels.
    """
    scale = canvas / CANVAS
    border, gap = round(BORDER * scale), round(GAP * scale)
    side = (canvas - 2 * border - (rows - 1) * gap) // rows
    starts = [border + i * (side + gap) for i in range(rows)]
    return tuple(Box(left, top, side) for top in starts for left in starts)


@dataclass(frozen=True)
class Grid(Layout):
    """The key visits every cell of a regular grid."""

    name: ClassVar[str] = "grid"

    def places(self, group: int) -> list[Place]:
        """One place a cell, row by row."""
        del group
        boxes = grid_boxes(self.rows, self.canvas)
        return [Place(cell, boxes) for cell in range(self.cells)]
