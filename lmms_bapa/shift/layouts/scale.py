"""Other sizes at one place: the control for what a larger canvas does by itself."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from lmms_bapa.shift.layouts.base import Layout
from lmms_bapa.shift.layouts.registry import register
from lmms_bapa.shift.placement import Placement


@register
class Scale(Layout):
    """The picture in the centre of one canvas, smaller and larger.

    Attributes:
        sizes: factors on the picture's size; 1 is the centre of the grid layout.
    """

    name: ClassVar[str] = "scale"
    sizes: tuple[float, ...] = Field(default=(0.5, 0.75, 1.0, 1.5, 2.0), min_length=2)

    @model_validator(mode="after")
    def _sizes_fit(self) -> Scale:
        if len({p.name for p in self.placements}) < len(self.sizes):  # their names have six digits
            raise ValueError("sizes must differ")
        if not 0 < min(self.sizes) <= max(self.sizes) <= self.ratio:
            raise ValueError(f"sizes must be above 0 and at most the ratio, {self.ratio:g}")
        return self

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Named ``x0.5`` and so on."""
        return tuple(Placement(f"x{size:g}", size=size) for size in self.sizes)
