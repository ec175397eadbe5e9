"""Bars over named places, one panel a setting, all on one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lmms_bapa.plots.surface import COLOURS, STOCK_GREY, error_bars, new_figure, tidy, wrapped
from lmms_bapa.statistics.figures import Interval


def draw_places(
    names: Sequence[str],
    settings: Mapping[str, Sequence[Interval]],
    width: float,
    label: str,
    factor: float = 100.0,
    stock: str | None = None,
) -> Any:
    """Draws the figure of every place with its interval.

    Args:
        names: of the places.
        settings: label -> one interval a place.
        width: of the figure, in inches; decides how many panels stand in a row.
        label: of the common axis.
        factor: 100 for shares, 1 for other numbers.
        stock: the setting whose values are repeated as short grey lines in the others.

    Returns:
        A figure of matplotlib.
    """
    longest = max(map(len, names))
    columns = max(1, min(len(settings), int(width // max(1.6, 0.22 * len(names)))))
    rows = math.ceil(len(settings) / columns)
    titles = [wrapped(title, int(width / columns * 12)) for title in settings]
    lines = max(title.count("\n") + 1 for title in titles)
    height = rows * (1.3 + 0.15 * lines) + 0.06 * longest + 0.3
    figure, axes = new_figure(rows, columns, width, height, sharex=True, sharey=True)
    for axis in axes.flat[len(settings) :]:
        axis.set_axis_off()
    reference = settings.get(stock) if stock is not None else None
    for i, (axis, title) in enumerate(zip(axes.flat, titles, strict=False)):
        name = list(settings)[i]
        is_stock = name == stock
        _draw_bars(axis, settings[name], factor, STOCK_GREY if is_stock else COLOURS[0])
        if reference is not None and not is_stock:
            values = [factor * interval.value for interval in reference]
            at = range(len(values))
            axis.hlines(values, [x - 0.42 for x in at], [x + 0.42 for x in at], color=STOCK_GREY)
        axis.set_title(title, fontsize=9)
        axis.set_xticks(range(len(names)), names, rotation=90)
        # A panel without another below it has the names itself.
        axis.tick_params(labelbottom=i + columns >= len(settings))
    figure.supylabel(label, fontsize=8)
    return figure


def _draw_bars(axis: Any, intervals: Sequence[Interval], factor: float, colour: str) -> None:
    values = [factor * interval.value for interval in intervals]
    axis.bar(range(len(values)), values, 0.7, color=colour, alpha=0.45)
    bars = error_bars(intervals, factor)
    axis.errorbar(range(len(values)), values, yerr=bars, fmt="none", color=colour, capsize=2)
    axis.grid(axis="y", color="0.92")
    axis.set_axisbelow(True)
    tidy(axis)
