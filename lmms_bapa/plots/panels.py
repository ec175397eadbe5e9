"""Panels of a heat map figure: cells, places on the canvas, displacements; one colour scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

# cividis reads the same for people who do not tell red from green.
SCALE: dict[str, Any] = {"vmin": 0, "vmax": 100, "cmap": "cividis"}


class Panel(Protocol):
    """One picture of a figure; draws itself on axes of matplotlib."""

    @property
    def title(self) -> str:
        """Stands above the panel."""

    def draw(self, axis: Any) -> Any:
        """Draws, and returns what a colour bar can be made of."""


def _annotated(axis: Any, shares: Sequence[Sequence[float]]) -> Any:
    percent = 100 * np.array(shares, dtype=float)
    image = axis.imshow(percent, **SCALE)
    small = {"fontsize": 7} if max(percent.shape) > 5 else {}
    for (y, x), value in np.ndenumerate(percent):
        missing = math.isnan(value)
        colour = "black" if missing or value > 55 else "white"
        text = "–" if missing else f"{value:.0f}"
        axis.text(x, y, text, ha="center", va="center", color=colour, **small)
    return image


@dataclass(frozen=True)
class Cells:
    """Accuracy per cell.

    Attributes:
        title: stands above it.
        grid: shares, rows from the top; NaN is "–".
    """

    title: str
    grid: Sequence[Sequence[float]]

    def draw(self, axis: Any) -> Any:
        """Draws the grid with its numbers in percent."""
        axis.set_xticks([])
        axis.set_yticks([])
        return _annotated(axis, self.grid)


@dataclass(frozen=True)
class Keys:
    """Each key where it stood: right or wrong, large or small.

    Attributes:
        title: stands above it.
        boxes: left, top and side of each key, in pixels.
        right: for each key, 1 if it was found and 0 if not.
        canvas: side of the canvas, in pixels.
    """

    title: str
    boxes: Sequence[tuple[int, int, int]]
    right: Sequence[int]
    canvas: int

    def draw(self, axis: Any) -> Any:
        """Draws a square at the middle of each box, as large as its share of the free space."""
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        shrink = min(1.0, 3 / math.sqrt(len(self.boxes)))
        squares = []
        for left, top, side in self.boxes:
            x, y = left + side * (1 - shrink) / 2, top + side * (1 - shrink) / 2
            squares.append(Rectangle((x, y), side * shrink, side * shrink))
        drawn = PatchCollection(squares, cmap=SCALE["cmap"], alpha=0.6, linewidth=0)
        drawn.set_array(100 * np.array(self.right, dtype=float))
        drawn.set_clim(SCALE["vmin"], SCALE["vmax"])
        axis.add_collection(drawn)
        axis.set_aspect("equal")
        axis.set_facecolor("0.85")
        axis.tick_params(labelsize=7)
        ticks = [0, self.canvas // 2, self.canvas]
        axis.set_xticks(ticks)
        axis.set_yticks(ticks)
        axis.set_xlim(0, self.canvas)
        axis.set_ylim(self.canvas, 0)
        return drawn


@dataclass(frozen=True)
class Shifts:
    """Accuracy per displacement, side by side.

    Attributes:
        title: stands above it.
        shifts: pixels.
        shares: one for each of them.
    """

    title: str
    shifts: Sequence[int]
    shares: Sequence[float]

    def draw(self, axis: Any) -> Any:
        """Draws one row; the ticks are the displacements."""
        axis.set_yticks([])
        axis.set_xticks(range(len(self.shifts)), [str(s) for s in self.shifts], fontsize=7)
        axis.set_xlabel("displaced by, px", fontsize=8)
        return _annotated(axis, [self.shares])
