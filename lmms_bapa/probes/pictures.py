"""Draws one picture: a coloured object with seeded variation, at any size."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from lmms_bapa.probes.shapes import SHAPES, Part
from lmms_bapa.probes.vocabulary import COLOURS, split_caption

Colour = tuple[int, int, int]

# Noise lives on a grid of this many points whatever the size of the picture, so that a picture
# that is drawn small looks like the same picture drawn large and scaled down.
_NOISE_GRID = 32


def _blend(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return a * (1 - share) + b * share


def _rgb(values: np.ndarray) -> Colour:
    r, g, b = (int(v) for v in values.clip(0, 255).round())
    return r, g, b


class _Style:
    """Everything that varies between two pictures of the same caption."""

    def __init__(self, colour: str, rng: np.random.Generator) -> None:
        paper = 255 - rng.uniform(0, 34, 3) * (1.0 if rng.random() < 0.6 else 1.9)
        ink = np.array(COLOURS[colour], dtype=float) + rng.normal(0, 9, 3)
        light = rng.uniform(0.86, 1.08)
        paper, ink = paper * light, ink.clip(0, 255) * light
        self.scale = rng.uniform(0.60, 0.90)
        self.aspect = rng.uniform(0.9, 1.1)
        self.mirror = -1.0 if rng.random() < 0.5 else 1.0
        self.angle = np.radians(rng.uniform(-16, 16))
        self.shift = rng.uniform(-1, 1, 2) * (1 - self.scale)
        self.outlined = rng.random() < 0.35
        self.line = rng.uniform(1.7, 2.9) / 32
        contrast = np.zeros(3) if ink.sum() > 180 else np.full(3, 255.0)
        shade = _blend(ink, contrast, 0.5)
        wash = _blend(paper, ink, rng.uniform(0, 0.22))
        self.paper, self.ink = _rgb(paper), _rgb(ink)
        self.detail = _rgb(paper if rng.random() < 0.5 else shade)
        self.wash = _rgb(wash)
        self.edge = None if rng.random() < 0.5 else _rgb(_blend(ink, np.zeros(3), 0.35))
        self.blur = rng.uniform(0.2, 0.7) / 32 if rng.random() < 0.3 else 0.0
        noise = rng.normal(0, 1, (_NOISE_GRID, _NOISE_GRID, 3)) * rng.uniform(3, 16)
        self.noise = Image.fromarray((noise + 128).clip(0, 255).astype(np.uint8))

    def corners(self, part: Part, side: int) -> list[tuple[float, float]]:
        """The part's corners in pixels of a square canvas of ``side`` pixels."""
        stretch = np.array([self.mirror * self.aspect, 1 / self.aspect]) * self.scale
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = (part.points * stretch) @ np.array([[cos, sin], [-sin, cos]])
        return [(float(x), float(y)) for x, y in (turned + self.shift + 1) * side / 2]


def draw_picture(caption: str, seed: int, size: int) -> Image.Image:
    """Draws the picture that a caption names.

    Size, place, rotation, mirror image, aspect, tint, outline or filled, edge, blur, background,
    brightness and noise follow from the seed alone; the pixel size only sets the resolution.

    Args:
        caption: a colour and an object, such as ``"red star"``.
        seed: any integer from 0 up; the same seed always gives the same picture.
        size: side of the square picture in pixels.

    Returns:
        An RGB image of ``size`` x ``size`` pixels.

    Raises:
        ValueError: the caption is not in the vocabulary.
    """
    colour, obj = split_caption(caption)
    style = _Style(colour, np.random.default_rng(seed))
    oversampling = 4 if size < 128 else 2
    side = size * oversampling
    image = Image.new("RGB", (side, side), style.paper)
    pen = ImageDraw.Draw(image)
    fill = {"body": style.ink, "hole": style.paper, "detail": style.detail}
    for part in SHAPES[obj]():
        corners = style.corners(part, side)
        if style.outlined:
            pen.polygon(corners, fill=style.paper if part.role == "hole" else style.wash)
            width = max(1, round(style.line * side))
            pen.line([*corners, *corners[:2]], fill=style.ink, width=width, joint="curve")
        else:
            pen.polygon(corners, fill=fill[part.role])
            if style.edge is not None and part.role == "body":
                width = max(1, round(side / 32))
                pen.line([*corners, *corners[:2]], fill=style.edge, width=width, joint="curve")
    image = image.reduce(oversampling)
    if style.blur:
        image = image.filter(ImageFilter.GaussianBlur(style.blur * size))
    noise = style.noise.resize((size, size), Image.Resampling.BILINEAR)
    return ImageChops.add(image, noise, scale=1, offset=-128)
