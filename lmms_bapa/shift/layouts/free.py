"""Random places and sizes: irregular and continuous."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from lmms_bapa.shift.layouts.base import Layout
from lmms_bapa.shift.layouts.registry import register
from lmms_bapa.shift.placement import Placement


@register
class Free(Layout):
    """Seeded places, the same ones for every document, so that a figure per place has a meaning.

    Attributes:
        count: number of places.
        seed: another seed, other places.
        sizes: smallest and largest factor on the picture's size.
    """

    name: ClassVar[str] = "free"
    count: int = Field(default=9, ge=2, le=100)
    seed: int = Field(default=0, ge=0)
    sizes: tuple[float, float] = (0.75, 1.25)

    @model_validator(mode="after")
    def _sizes_fit(self) -> Free:
        low, high = self.sizes
        if not 0 < low <= high < self.ratio:
            raise ValueError(f"sizes must rise from above 0 to below the ratio, {self.ratio:g}")
        return self

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Uniform in x, y and size; named ``p1`` and so on."""
        rng = np.random.default_rng(self.seed)
        drawn = rng.uniform((0, 0, self.sizes[0]), (1, 1, self.sizes[1]), (self.count, 3))
        return tuple(
            Placement(f"p{i}", float(x), float(y), float(size))
            for i, (x, y, size) in enumerate(drawn, 1)
        )
