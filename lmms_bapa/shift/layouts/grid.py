"""N x N anchors, evenly spread from corner to corner."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from lmms_bapa.shift.layouts.base import Layout
from lmms_bapa.shift.layouts.registry import register
from lmms_bapa.shift.placement import Placement


@register
class Grid(Layout):
    """The picture at ``rows`` x ``rows`` places, named ``r1c1`` (top left) and so on.

    Attributes:
        rows: anchors a side.
    """

    name: ClassVar[str] = "grid"
    rows: int = Field(default=3, ge=2, le=9)

    @model_validator(mode="after")
    def _needs_space(self) -> Grid:
        if self.ratio == 1:
            raise ValueError("ratio=1 leaves no space to move in: give a larger one, such as 2")
        return self

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Row by row from the top left."""
        steps = [i / (self.rows - 1) for i in range(self.rows)]
        return tuple(
            Placement(f"r{row}c{column}", x, y)
            for row, y in enumerate(steps, 1)
            for column, x in enumerate(steps, 1)
        )
