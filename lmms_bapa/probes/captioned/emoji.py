"""Emoji as captioned pictures: drawn by the system's colour font, named by Unicode."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import partial

from PIL import Image, ImageDraw, ImageFont

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.items import Candidate
from lmms_bapa.probes.captioned.sources import as_png

# Colour fonts by the names of their files, with a size that each one has: bitmap fonts have one
# size only. Pillow looks for them where the system keeps its fonts.
FONTS = (
    ("NotoColorEmoji.ttf", 109),
    ("NotoColorEmoji-Regular.ttf", 109),
    ("Apple Color Emoji.ttc", 160),
    ("seguiemj.ttf", 109),
    ("TwitterColorEmoji-SVGinOT.ttf", 109),
)
_SIZES = (109, 160, 136, 128)
# Blocks of emoji that stand for themselves; flags and skin tones are made of several characters.
_BLOCKS = ((0x1F300, 0x1F3FA), (0x1F400, 0x1F650), (0x1F680, 0x1F6FD), (0x1F900, 0x1FAFF))
_NOWHERE = "\U0010ffff"  # never a character, so every font draws its box for missing ones


def find_font(file: str | None = None) -> ImageFont.FreeTypeFont:
    """A colour-emoji font.

    Args:
        file: its file, or None for the system's.

    Raises:
        UsageError: there is none.
    """
    tried = [(file, size) for size in _SIZES] if file else FONTS
    for name, size in tried:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    if file:
        raise UsageError(f"--emoji-font {file}: not a font that can be read")
    raise UsageError(
        "no colour-emoji font is installed: install one (Debian: fonts-noto-color-emoji), "
        "or give its file with --emoji-font"
    )


def _draw(character: str, font: ImageFont.FreeTypeFont) -> Image.Image | None:
    left, top, right, bottom = font.getbbox(character)
    if right <= left or bottom <= top:
        return None
    image = Image.new("RGB", (round(right - left), round(bottom - top)), "white")
    ImageDraw.Draw(image).text(
        (-left, -top), character, font=font, fill="black", embedded_color=True
    )
    return image


def _has_colour(image: Image.Image) -> bool:
    _, saturation, _ = image.convert("HSV").split()
    return bool(saturation.getextrema()[1])


def _characters() -> Iterator[tuple[str, str]]:
    for first, last in _BLOCKS:
        for code in range(first, last + 1):
            character = chr(code)
            name = unicodedata.name(character, "")
            if name and unicodedata.category(character) == "So":
                yield character, name.lower()


def from_emoji(file: str | None = None) -> tuple[list[Candidate], list[str]]:
    """Every emoji that the font draws in colour.

    Args:
        file: the font's file, or None for the system's.

    Returns:
        Candidates in Unicode's order, with their names as captions, and remarks.

    Raises:
        UsageError: there is no font, or it draws none of them in colour.
    """
    font = find_font(file)
    missing = _draw(_NOWHERE, font)
    unknown = missing.tobytes() if missing else b""
    found = []
    for character, name in _characters():
        image = _draw(character, font)
        if image is not None and image.tobytes() != unknown and _has_colour(image):
            found.append(Candidate(f"U+{ord(character):04X}", name, partial(as_png, image)))
    if not found:
        raise UsageError(
            f"the font {font.getname()[0]} draws no emoji in colour here; give another file with "
            "--emoji-font"
        )
    return found, []
