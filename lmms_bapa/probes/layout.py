"""Where the pictures stand on a canvas."""

from __future__ import annotations

from dataclasses import dataclass

# The paper's canvas, measured on its published samples: 840 px, three boxes of 270 px a row,
# 8 px of border and 7 px between boxes.
CANVAS, BORDER, GAP = 840, 8, 7


@dataclass(frozen=True)
class Box:
    """A square on the canvas, in pixels."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class GridLayout:
    """``rows`` x ``rows`` equal boxes, numbered row by row from the top left.

    Attributes:
        rows: boxes a side.
        canvas: side of the canvas in pixels; border and gap keep the paper's proportions.
    """

    rows: int = 3
    canvas: int = CANVAS

    @property
    def boxes(self) -> list[Box]:
        """The boxes in row-major order."""
        scale = self.canvas / CANVAS
        border, gap = round(BORDER * scale), round(GAP * scale)
        side = (self.canvas - 2 * border - (self.rows - 1) * gap) // self.rows
        starts = [border + i * (side + gap) for i in range(self.rows)]
        return [Box(left, top, side) for top in starts for left in starts]
