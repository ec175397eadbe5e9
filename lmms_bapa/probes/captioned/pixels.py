"""From the bytes of somebody's picture to a square on a canvas."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from lmms_bapa.errors import UsageError
from lmms_bapa.validation import reason

# A longer side than this many shorter sides leaves hardly a pixel of the picture in a cell.
_LONGEST = 50


@contextmanager
def strict() -> Iterator[None]:
    """Has pictures that are cut off refused, also where a library told Pillow to fill them up.

    For a whole run of :func:`decode`, in as many threads as you like: the switch is Pillow's, and
    global.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def decode(data: bytes) -> Image.Image:
    """The whole picture in ``data``.

    Raises:
        UsageError: it is none, is cut off (see :func:`strict`), or is larger than Pillow takes.
    """
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except UnidentifiedImageError as error:
        raise UsageError("not a picture") from error
    # Decoders raise whatever the broken bytes lead to.
    except Exception as error:
        raise UsageError(reason(error)) from error
    return image


def fit(image: Image.Image, side: int) -> Image.Image:
    """The picture on a white square of ``side`` pixels: whole, centred, as large as it can be."""
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return ImageOps.pad(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS, color="white")


def suffix_of(data: bytes) -> str:
    """The ending of a file name for a picture, such as ``.jpg``.

    Raises:
        UsageError: the picture cannot be decoded, or cannot be shown in a cell.
    """
    image = decode(data)
    if image.mode.startswith(("I", "F")):
        raise UsageError("more than 8 bits a channel: save it with 8")
    if max(image.size) > _LONGEST * min(image.size):
        raise UsageError(f"{image.width} x {image.height} px is too thin to be seen in a cell")
    kind = (image.format or "png").lower()
    return ".jpg" if kind == "jpeg" else f".{kind}"
