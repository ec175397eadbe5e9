"""What the rest of a canvas looks like. A fill is one function and one line of the table."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageFilter, ImageStat

Size = tuple[int, int]
Fill = Callable[[Image.Image, Size], Image.Image]

# The blurred copy keeps colours and loses objects: its radius is this share of the longer side.
_BLUR = 1 / 12


def white(picture: Image.Image, size: Size) -> Image.Image:
    """Plain white."""
    del picture
    return Image.new("RGB", size, "white")


def mean(picture: Image.Image, size: Size) -> Image.Image:
    """The mean colour of the picture."""
    red, green, blue = (round(value) for value in ImageStat.Stat(picture).mean)
    return Image.new("RGB", size, (red, green, blue))


def blurred(picture: Image.Image, size: Size) -> Image.Image:
    """The picture itself, enlarged and blurred."""
    # Blurring small and enlarging after gives the same look at a fraction of the time.
    small = picture.resize((max(1, size[0] // 8), max(1, size[1] // 8)), Image.Resampling.BOX)
    soft = small.filter(ImageFilter.GaussianBlur(_BLUR * max(small.size)))
    return soft.resize(size, Image.Resampling.BICUBIC)


FILLS: dict[str, Fill] = {"white": white, "mean": mean, "blurred": blurred}
