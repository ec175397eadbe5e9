"""A sheet that shows where layouts put a picture, to look at before a long run."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageOps

from lmms_bapa.probes.pictures import draw_picture
from lmms_bapa.shift.canvas import place
from lmms_bapa.shift.spec import ORIGINAL, ShiftSpec

_THUMBNAIL, _GAP, _LINE = 120, 12, 16
_A_ROW = 10


def sample_picture() -> Image.Image:
    """Two of the probe's drawings side by side: neither square nor symmetric."""
    picture = Image.new("RGB", (192, 128), "khaki")
    picture.paste(draw_picture("red star", 1, 128), (0, 0))
    picture.paste(draw_picture("blue cup", 2, 64), (128, 64))
    return picture


def _tiles(picture: Image.Image, spec: ShiftSpec) -> list[tuple[str, Image.Image]]:
    layout = spec.layout
    shifted = [
        (p.name, place(picture, p, layout.ratio, spec.fill, layout.room)) for p in layout.placements
    ]
    return [(ORIGINAL, picture.convert("RGB")), *shifted]


def layout_sheet(specs: Sequence[ShiftSpec], picture: Image.Image | None = None) -> Image.Image:
    """Draws every placement of every specification, small, with its name.

    Args:
        specs: one block each.
        picture: what is placed; None for a drawing.

    Returns:
        An RGB image. Canvases are to scale within a specification, so a larger canvas is larger.
    """
    blocks = [(spec, _tiles(picture or sample_picture(), spec)) for spec in specs]
    columns = max(min(len(tiles), _A_ROW) for _, tiles in blocks)
    step, factors, heights = _THUMBNAIL + _GAP, [], []
    for _, tiles in blocks:
        factors.append(_THUMBNAIL / max(max(canvas.size) for _, canvas in tiles))
        tallest = max(canvas.height for _, canvas in tiles)
        heights.append(round(tallest * factors[-1]) + _GAP + _LINE)
    rows = [-(-len(tiles) // _A_ROW) for _, tiles in blocks]
    total = sum(r * h + 2 * _LINE for r, h in zip(rows, heights, strict=True)) + _GAP
    sheet = Image.new("RGB", (columns * step + _GAP, total), (236, 236, 236))
    pen, top = ImageDraw.Draw(sheet), _GAP
    for i, (spec, tiles) in enumerate(blocks):
        title = ", ".join(f"{k} {v}" for k, v in spec.layout.model_dump().items())
        pen.text((_GAP, top), f"{spec.layout.name}: {title}, fill {spec.fill}", fill="black")
        top += 2 * _LINE - _GAP
        for number, (name, canvas) in enumerate(tiles):
            row, column = divmod(number, _A_ROW)
            left, y = _GAP + column * step, top + row * heights[i]
            small = ImageOps.scale(canvas, factors[i])
            sheet.paste(small, (left, y))
            pen.text((left, y + small.height + 2), name, fill="black")
        top += rows[i] * heights[i] + _GAP
    return sheet
