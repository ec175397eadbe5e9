"""Small pictures, no two alike and none of them symmetric."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

# Width and height in pixels: wide, tall and square.
SIZES = ((96, 64), (48, 80), (72, 72), (120, 50), (60, 110), (100, 84), (56, 56), (84, 118))


def picture(number: int, mode: str = "RGB") -> Image.Image:
    """The picture of a document: coarse blocks of random colours under fine noise.

    Args:
        number: decides size and content.
        mode: of Pillow: ``RGB``, ``RGBA`` (half transparent), ``L`` or ``P``.
    """
    generator = np.random.default_rng([20, number])
    width, height = SIZES[number % len(SIZES)]
    blocks = generator.integers(0, 216, (5, 4, 3), dtype=np.uint8)
    large = Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)
    noise = generator.integers(0, 40, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(np.asarray(large) + noise)
    if mode == "RGBA":
        image.putalpha(128)
    return image.quantize(32) if mode == "P" else image.convert(mode)


def png(number: int, mode: str = "RGB") -> dict[str, bytes | None]:
    """The same picture as a data set stores it."""
    stream = io.BytesIO()
    picture(number, mode).save(stream, "PNG")
    return {"bytes": stream.getvalue(), "path": None}
