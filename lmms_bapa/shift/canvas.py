"""Puts a picture on its canvas."""

from __future__ import annotations

from PIL import Image

from lmms_bapa.shift.fills import FILLS
from lmms_bapa.shift.placement import Placement, frame


def place(
    picture: Image.Image, placement: Placement, ratio: float, fill: str = "white", room: int = 0
) -> Image.Image:
    """Shows a picture at one place of a larger canvas.

    Pixels of the picture are copied, not resampled, unless the placement changes its size.

    Args:
        picture: any mode; the canvas is RGB.
        placement: where it goes.
        ratio: sides of the canvas as multiples of the picture's sides.
        fill: name of a fill in :data:`lmms_bapa.shift.fills.FILLS`.
        room: see :func:`lmms_bapa.shift.placement.frame`.

    Returns:
        A new image; the picture is not changed.

    Raises:
        UsageError: the canvas would be too large.
    """
    box = frame(picture.size, placement, ratio, room)
    shown = picture.convert("RGB")
    canvas = FILLS[fill](shown, (box.width, box.height))
    if shown.size != (box.box_width, box.box_height):
        shown = shown.resize((box.box_width, box.box_height), Image.Resampling.LANCZOS)
    canvas.paste(shown, (box.left, box.top))
    return canvas
