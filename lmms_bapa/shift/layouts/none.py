"""No shift at all: the anchor to the published score."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lmms_bapa.shift.layouts.base import Layout
from lmms_bapa.shift.layouts.registry import register
from lmms_bapa.shift.placement import Placement


@register
class Unshifted(Layout):
    """Only the original, which every layout shows first."""

    name: ClassVar[str] = "none"
    ratio: float = Field(default=1.0, ge=1, le=1)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """None."""
        return ()
