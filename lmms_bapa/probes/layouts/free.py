"""Irregular: boxes of random size at random places, one in each zone of the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lmms_bapa.probes.layouts.base import Box, Layout, Place

# Numbers after the group's in a seed, so that a layout's dice are not those of the pictures.
# Never 0: a trailing 0 does not change a seed.
_DICE = 1


@dataclass(frozen=True)
class Free(Layout):
    """The key visits boxes that no two groups have in common, and that never overlap.

    Attributes:
        sizes: shortest and longest side of a box, as shares of the side of its zone; a zone is
            one of ``rows`` x ``rows`` equal squares of the canvas.
    """

    name: ClassVar[str] = "free"
    sizes: tuple[float, float] = (0.55, 0.95)

    def __post_init__(self) -> None:
        if not 0 < self.sizes[0] <= self.sizes[1] <= 1:
            raise ValueError(
                f"sizes={list(self.sizes)}: should be two shares, 0 < first <= second <= 1"
            )

    def places(self, group: int) -> list[Place]:
        """One place a zone, row by row."""
        rng = np.random.default_rng([self.seed, group, _DICE])
        edges = [i * self.canvas // self.rows for i in range(self.rows + 1)]
        zone = self.canvas // self.rows  # the smallest of them, if the canvas does not divide
        boxes = []
        for top in edges[:-1]:
            for left in edges[:-1]:
                side = max(1, int(zone * rng.uniform(*self.sizes)))
                right, down = rng.integers(zone - side + 1, size=2)
                boxes.append(Box(left + int(right), top + int(down), side))
        return [Place(cell, tuple(boxes)) for cell in range(self.cells)]
