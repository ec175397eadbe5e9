"""One place for a picture on a larger canvas."""

from __future__ import annotations

from dataclasses import dataclass

from lmms_bapa.errors import UsageError

# What Pillow itself takes for a bomb; Qwen2-VL's own limit is 12.8 million pixels.
LARGEST_CANVAS = 89_478_485


@dataclass(frozen=True)
class Placement:
    """Where a picture stands, and how large.

    Attributes:
        name: names the place in results and logs.
        x: share of the free width that is left of the picture: 0 is flush left, 1 flush right.
        y: share of the free height that is above the picture.
        size: factor on the picture's own width and height.
        offset: pixels that the picture is moved right and down from there.
    """

    name: str
    x: float = 0.5
    y: float = 0.5
    size: float = 1.0
    offset: int = 0


@dataclass(frozen=True)
class Frame:
    """A canvas and the picture's box on it, all in pixels."""

    width: int
    height: int
    left: int
    top: int
    box_width: int
    box_height: int

    @property
    def right(self) -> int:
        """First column right of the box."""
        return self.left + self.box_width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.top + self.box_height


def frame(size: tuple[int, int], placement: Placement, ratio: float, room: int = 0) -> Frame:
    """Computes a canvas and the place of a picture on it.

    Args:
        size: width and height of the picture in pixels.
        placement: where it goes.
        ratio: sides of the canvas as multiples of the picture's sides.
        room: pixels that must be free beside and below the picture; the canvas grows for them, so
            that all placements of a layout share one canvas.

    Returns:
        A canvas that holds the whole box.

    Raises:
        UsageError: the canvas would be too large.
    """
    width, height = size
    canvas = max(round(width * ratio), width + room), max(round(height * ratio), height + room)
    if canvas[0] * canvas[1] > LARGEST_CANVAS:
        raise UsageError(
            f"a picture of {width} x {height} pixels needs a canvas of {canvas[0]} x {canvas[1]}, "
            f"above the limit of {LARGEST_CANVAS:,} pixels: lower shift.ratio"
        )
    box = [
        min(max(1, round(side * placement.size)), limit)
        for side, limit in zip(size, canvas, strict=True)
    ]
    free = [limit - side - placement.offset for limit, side in zip(canvas, box, strict=True)]
    left, top = round(free[0] * placement.x), round(free[1] * placement.y)
    return Frame(*canvas, left + placement.offset, top + placement.offset, box[0], box[1])
