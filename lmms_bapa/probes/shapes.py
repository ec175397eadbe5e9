"""Outlines of the fifteen objects, as polygons in the square [-1, 1] x [-1, 1] (y points down)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Role = Literal["body", "hole", "detail"]


@dataclass(frozen=True)
class Part:
    """One polygon of an object.

    Attributes:
        role: ``body`` takes the caption's colour, ``hole`` the background's, ``detail`` another
            shade of either.
        points: corners, shape (n, 2).
    """

    role: Role
    points: Points


def _polygon(*corners: tuple[float, float]) -> Points:
    return np.array(corners, dtype=float)


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return _polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _arc(
    x: float,
    y: float,
    radius: float,
    start: float = 0.0,
    stop: float = 360.0,
    height: float | None = None,
    steps: int = 32,
) -> Points:
    """Points on an ellipse's edge; angles in degrees, clockwise from the right."""
    angle = np.radians(np.linspace(start, stop, steps))
    vertical = radius if height is None else height
    return np.stack([x + radius * np.cos(angle), y + vertical * np.sin(angle)], axis=1)


def _circle() -> list[Part]:
    return [Part("body", _arc(0, 0, 0.88))]


def _square() -> list[Part]:
    return [Part("body", _box(-0.78, -0.78, 0.78, 0.78))]


def _triangle() -> list[Part]:
    return [Part("body", _polygon((0, -0.88), (0.95, 0.76), (-0.95, 0.76)))]


def _star() -> list[Part]:
    angle = np.radians(np.arange(10) * 36 - 90)
    radius = np.where(np.arange(10) % 2 == 0, 0.98, 0.41)
    return [Part("body", np.stack([radius * np.cos(angle), radius * np.sin(angle) + 0.06], axis=1))]


def _heart() -> list[Part]:
    t = np.linspace(0, 2 * np.pi, 48)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return [Part("body", np.stack([x, y], axis=1) / 17.5)]


def _cross() -> list[Part]:
    w, r = 0.29, 0.9
    corners = [(-w, -r), (w, -r), (w, -w), (r, -w), (r, w), (w, w)]
    corners += [(w, r), (-w, r), (-w, w), (-r, w), (-r, -w), (-w, -w)]
    return [Part("body", _polygon(*corners))]


def _moon() -> list[Part]:
    outer, inner = _arc(0.1, 0, 0.95, 55, 305), _arc(0.42, 0, 0.80, 284, 76)
    return [Part("body", np.concatenate([outer, inner]))]


def _house() -> list[Part]:
    walls = [(0.66, -0.08), (0.66, 0.85), (-0.66, 0.85), (-0.66, -0.08)]
    outline = _polygon((0, -0.92), (0.95, -0.08), *walls, (-0.95, -0.08))
    return [Part("body", outline), Part("detail", _box(-0.2, 0.28, 0.2, 0.85))]


def _tree() -> list[Part]:
    right = [(0.46, -0.38), (0.27, -0.38), (0.64, 0.08), (0.42, 0.08), (0.85, 0.55)]
    left = [(-x, y) for x, y in reversed(right)]
    return [
        Part("body", _box(-0.16, 0.4, 0.16, 0.95)),
        Part("body", _polygon((0, -0.97), *right, *left)),
    ]


def _fish() -> list[Part]:
    return [
        Part("body", _polygon((0.38, 0), (0.98, -0.5), (0.82, 0), (0.98, 0.5))),
        Part("body", _arc(-0.2, 0, 0.76, height=0.47)),
        Part("detail", _arc(-0.58, -0.1, 0.1, steps=12)),
    ]


def _key() -> list[Part]:
    return [
        Part("body", _box(-0.2, -0.12, 0.97, 0.12)),
        Part("body", _box(0.42, 0.1, 0.58, 0.42)),
        Part("body", _box(0.76, 0.1, 0.95, 0.5)),
        Part("body", _arc(-0.52, 0, 0.45)),
        Part("hole", _arc(-0.55, 0, 0.2)),
    ]


def _cup() -> list[Part]:
    return [
        Part("body", _arc(0.42, -0.05, 0.46)),
        Part("hole", _arc(0.42, -0.05, 0.24)),
        Part("body", _polygon((-0.85, -0.68), (0.45, -0.68), (0.32, 0.75), (-0.7, 0.75))),
    ]


def _arrow() -> list[Part]:
    head = [(0.08, -0.68), (0.97, 0), (0.08, 0.68)]
    return [
        Part("body", _polygon((-0.92, -0.22), (0.08, -0.22), *head, (0.08, 0.22), (-0.92, 0.22)))
    ]


def _umbrella() -> list[Part]:
    scallops = [_arc(x, 0.08, 0.3167, 0, -180, steps=12) for x in (0.6333, 0.0, -0.6333)]
    hook = np.concatenate(
        [_arc(-0.12, 0.78, 0.19, 0, 180, steps=12), _arc(-0.12, 0.78, 0.05, 180, 0)]
    )
    return [
        Part("body", _box(-0.07, 0, 0.07, 0.8)),
        Part("body", hook),
        Part("body", np.concatenate([_arc(0, 0.08, 0.95, 180, 360), *scallops])),
    ]


def _flower() -> list[Part]:
    angles = np.radians(np.arange(6) * 60 + 30)
    petals = [
        Part("body", _arc(0.56 * np.cos(a), 0.56 * np.sin(a), 0.37, steps=18)) for a in angles
    ]
    return [*petals, Part("detail", _arc(0, 0, 0.28, steps=18))]


SHAPES: dict[str, Callable[[], list[Part]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "moon": _moon,
    "house": _house,
    "tree": _tree,
    "fish": _fish,
    "key": _key,
    "cup": _cup,
    "arrow": _arrow,
    "umbrella": _umbrella,
    "flower": _flower,
}
