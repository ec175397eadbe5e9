"""What a layout is."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lmms_bapa.shift.placement import Placement


class Layout(BaseModel):
    """A set of places at which every document is shown. Subclasses are one file each.

    Attributes:
        name: what users write in ``shift.layout``.
        ratio: sides of the canvas as multiples of the picture's sides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    ratio: float = Field(default=2.0, ge=1, le=8)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """The places, without the unshifted original."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """Pixels that must be free beside every picture."""
        return max((p.offset for p in self.placements), default=0)
