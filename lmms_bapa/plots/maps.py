"""Heat maps of several settings side by side, all on one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmms_bapa.plots.surface import PERCENT, Scale, new_figure, wrapped

# Lightness rises evenly, so the order of values survives colour blindness and grey print.
COLOUR_MAP = "cividis"
_PANEL = 2.0  # inches


def draw_maps(
    maps: Mapping[str, Sequence[Sequence[float]]],
    width: float,
    label: str,
    scale: Scale = PERCENT,
) -> Any:
    """Draws one heat map per setting, with the value of every cell printed.

    Args:
        maps: title -> values, rows from the top; NaN is "–".
        width: of the figure, in inches; decides how many stand in a row.
        label: of the colour bar.
        scale: one for all maps.

    Returns:
        A figure of matplotlib.
    """
    columns = _columns(len(maps), int(width // (_PANEL * 0.85)))
    rows = math.ceil(len(maps) / columns)
    titles = [wrapped(title, 22) for title in maps]
    lines = max(title.count("\n") + 1 for title in titles)
    figure, axes = new_figure(
        rows, columns, width, rows * (width / columns * 0.95 + 0.16 * lines) + 0.75
    )
    for axis in axes.flat:
        axis.set_axis_off()
    image = None
    for axis, title, values in zip(axes.flat, titles, maps.values(), strict=False):
        axis.set_axis_on()
        axis.set_title(title, fontsize=9)
        image = _draw_cells(axis, np.array(values, dtype=float), scale)
    bar = figure.colorbar(
        image, ax=axes, location="bottom", shrink=min(1.0, 4 / width), aspect=30, pad=0.02
    )
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def _columns(count: int, most: int) -> int:
    """As many as fit, or one less if that leaves fewer gaps."""
    most = max(1, min(count, most))
    return min((most, max(1, most - 1)), key=lambda columns: -count % columns)


def _draw_cells(axis: Any, values: np.ndarray, scale: Scale) -> Any:
    image = axis.imshow(
        values * scale.factor, vmin=scale.low, vmax=scale.high, cmap=COLOUR_MAP, aspect="equal"
    )
    axis.set_xticks([])
    axis.set_yticks([])
    size = 11 if max(values.shape) <= 3 else 8 if max(values.shape) <= 5 else 6
    bright = scale.low + 0.55 * (scale.high - scale.low)
    for (y, x), value in np.ndenumerate(values):
        is_dark = not math.isnan(value) and value * scale.factor <= bright
        colour = "white" if is_dark else "black"
        axis.text(x, y, scale.text(value), ha="center", va="center", color=colour, fontsize=size)
    return image
