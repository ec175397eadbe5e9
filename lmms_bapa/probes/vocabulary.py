"""The words of the probe: colours, objects, and the captions made of them."""

from __future__ import annotations

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (212, 32, 38),
    "green": (36, 158, 62),
    "blue": (36, 88, 212),
    "yellow": (238, 212, 24),
    "orange": (240, 130, 20),
    "purple": (130, 54, 170),
    "black": (28, 28, 30),
    "pink": (244, 130, 188),
}

# The embedded models learned the first twelve. The last three are drawn as well, so that a probe
# of unseen objects can be made for models that know the whole language.
OBJECTS: tuple[str, ...] = (
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "cross",
    "moon",
    "house",
    "tree",
    "fish",
    "key",
    "cup",
    "arrow",
    "umbrella",
    "flower",
)
CORE_OBJECTS = OBJECTS[:12]


def caption(colour: str, obj: str) -> str:
    """The natural name of a picture, such as ``"red star"``."""
    return f"{colour} {obj}"


def split_caption(text: str) -> tuple[str, str]:
    """Splits a caption into its colour and its object.

    Raises:
        ValueError: the words are not a colour and an object that can be drawn.
    """
    colour, _, obj = text.partition(" ")
    if colour not in COLOURS or obj not in OBJECTS:
        raise ValueError(
            f"no picture is called {text!r}: use a colour ({', '.join(COLOURS)}) "
            f"and an object ({', '.join(OBJECTS)})"
        )
    return colour, obj


def captions(objects: tuple[str, ...] = CORE_OBJECTS) -> list[str]:
    """Every caption, colour by colour: 96 of them for the twelve core objects."""
    return [caption(colour, obj) for colour in COLOURS for obj in objects]
