"""Contact sheets: what the pictures and canvases of a probe look like."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from lmms_bapa.probes.pictures import draw_picture
from lmms_bapa.probes.vocabulary import COLOURS, OBJECTS, caption


def tile(images: Sequence[Image.Image], columns: int, gap: int = 2) -> Image.Image:
    """Puts equally large images side by side on a grey sheet.

    Raises:
        ValueError: there are no images.
    """
    if not images:
        raise ValueError("a contact sheet needs at least one image")
    width, height = images[0].size
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), "grey")
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        sheet.paste(image, (gap + column * (width + gap), gap + row * (height + gap)))
    return sheet


def contact_sheet(per_caption: int = 2, side: int = 64, seed: int = 0) -> Image.Image:
    """Every object in every colour, ``per_caption`` times, one object a column."""
    pictures = [
        draw_picture(caption(colour, obj), seed + 1000 * line + column, side)
        for line, colour in enumerate(c for c in COLOURS for _ in range(per_caption))
        for column, obj in enumerate(OBJECTS)
    ]
    return tile(pictures, columns=len(OBJECTS))
