"""What a layout is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

CANVAS = 840  # side of the paper's canvas in pixels


@dataclass(frozen=True)
class Box:
    """A square on the canvas, in pixels."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class Place:
    """One of the places that a group's key picture visits.

    Attributes:
        cell: row-major number of the key's cell.
        boxes: where the picture of each cell stands, in row-major order.
        shift: how far the whole arrangement is displaced to the right and down, in pixels.
    """

    cell: int
    boxes: tuple[Box, ...]
    shift: int = 0


@dataclass(frozen=True)
class Layout(ABC):
    """``rows`` x ``rows`` pictures on a square canvas; everything follows from the fields.

    Fields of a subclass are its options: fields of the same name in the probe's specification.

    Attributes:
        name: its name in a specification.
        figures: metrics of :mod:`lmms_bapa.metrics.probe` that only this layout has.
        rows: cells a side.
        canvas: side of the canvas in pixels.
        seed: seed of what is random.
    """

    name: ClassVar[str]
    figures: ClassVar[tuple[str, ...]] = ()
    rows: int
    canvas: int
    seed: int

    @property
    def cells(self) -> int:
        """Pictures on a canvas."""
        return self.rows**2

    @abstractmethod
    def places(self, group: int) -> list[Place]:
        """The places that the key of a group visits, in order; as many for every group."""
