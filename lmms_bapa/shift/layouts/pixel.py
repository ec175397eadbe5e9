"""Shifts by a few pixels: does the answer depend on where the patch borders fall?"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from lmms_bapa.shift.layouts.base import Layout
from lmms_bapa.shift.layouts.registry import register
from lmms_bapa.shift.placement import Placement


@register
class Pixel(Layout):
    """The picture in the top left corner of one canvas, then moved right and down.

    Pixels are the canvas's own: a model that rescales its input sees them rescaled.

    Attributes:
        ratio: a canvas near the picture's size, since nothing moves far.
        shifts: how far, in pixels. 14 and 16 are usual patch sizes, 28 is Qwen's merged patch.
    """

    name: ClassVar[str] = "pixel"
    ratio: float = Field(default=1.25, ge=1, le=8)
    shifts: tuple[int, ...] = Field(default=(0, 1, 2, 4, 7, 14, 16, 28), min_length=2)

    @model_validator(mode="after")
    def _shifts_rise(self) -> Pixel:
        if min(self.shifts) < 0 or len(set(self.shifts)) < len(self.shifts):
            raise ValueError("shifts must be different numbers of pixels from 0 up")
        return self

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Named ``0px`` and so on."""
        return tuple(Placement(f"{s}px", 0, 0, offset=s) for s in self.shifts)
