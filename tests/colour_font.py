"""A small colour font, since not every machine has one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen


def _square(left: int, bottom: int, side: int) -> object:
    pen = TTGlyphPen(None)
    corners = [(0, 0), (0, side), (side, side), (side, 0)]
    pen.moveTo((left, bottom))
    for x, y in corners[1:]:
        pen.lineTo((left + x, bottom + y))
    pen.closePath()
    return pen.glyph()


def colour_font(path: Path, codes: Sequence[int], coloured: bool = True) -> Path:
    """Writes a font that draws each character as a square of its own colour (red part 250)."""
    names = [f"u{code:04X}" for code in codes]
    build = FontBuilder(1000, isTTF=True)
    build.setupGlyphOrder([".notdef", *names, *(f"{name}.fill" for name in names)])
    build.setupCharacterMap(dict(zip(codes, names, strict=True)))
    shapes = {".notdef": _square(300, 300, 300)}
    for name in names:
        shapes[name] = shapes[f"{name}.fill"] = _square(0, 0, 900)
    build.setupGlyf(shapes)
    build.setupHorizontalMetrics(dict.fromkeys(shapes, (1000, 0)))
    build.setupHorizontalHeader(ascent=900, descent=-100)
    build.setupNameTable(
        {"familyName": "Coloured" if coloured else "Plain", "styleName": "Regular"}
    )
    build.setupOS2()
    build.setupPost()
    if coloured:
        palette = [(250 / 255, (20 + 30 * i) / 255, 0.0, 1.0) for i in range(len(names))]
        build.setupCPAL([palette])
        build.setupCOLR({name: [(f"{name}.fill", i)] for i, name in enumerate(names)})
    build.save(path)
    return path
