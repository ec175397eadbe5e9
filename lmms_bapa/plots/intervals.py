"""Settings under each other, each with its figure and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmms_bapa.plots.surface import (
    BAND_GREY,
    COLOURS,
    STOCK_GREY,
    error_bars,
    new_figure,
    tidy,
    wrapped,
)
from lmms_bapa.statistics.figures import Interval


@dataclass(frozen=True)
class IntervalPanel:
    """One figure of all settings.

    Attributes:
        title: stands above it.
        unit: stands below the axis.
        intervals: one a setting.
        chance: for each setting what chance alone would give, drawn as a grey bar; or empty.
        factor: 100 for shares, 1 for other numbers.
    """

    title: str
    unit: str
    intervals: Sequence[Interval]
    chance: Sequence[Interval] = ()
    factor: float = 100.0


def draw_intervals(
    labels: Sequence[str], panels: Sequence[IntervalPanel], width: float, stock: int | None = None
) -> Any:
    """Draws panels of dots with intervals, one line a setting.

    Args:
        labels: of the settings, from the top.
        panels: side by side, or under each other if ``width`` is small.
        width: of the figure, in inches.
        stock: number of the setting that the others are compared with; a thin line marks it.

    Returns:
        A figure of matplotlib.
    """
    columns = len(panels) if width > 6 else 1
    rows = math.ceil(len(panels) / columns)
    names = [wrapped(label, 26 if width > 6 else 18) for label in labels]
    lines = sum(0.2 + 0.14 * name.count("\n") for name in names)
    figure, axes = new_figure(rows, columns, width, rows * (0.95 + 1.15 * lines), sharey=True)
    for i, (axis, panel) in enumerate(zip(axes.flat, panels, strict=True)):
        _draw_panel(axis, panel, stock)
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        if i % columns:
            axis.tick_params(labelleft=False)
    return figure


def _draw_panel(axis: Any, panel: IntervalPanel, stock: int | None) -> None:
    factor = panel.factor
    values = [factor * interval.value for interval in panel.intervals]
    for y, chance in enumerate(panel.chance):
        ends = factor * chance.low, factor * chance.high
        if not any(map(math.isnan, ends)):
            # The edge shows a range that is no wider than a line.
            axis.barh(y, ends[1] - ends[0], 0.62, ends[0], color=BAND_GREY, ec=BAND_GREY, zorder=1)
    if stock is not None and not math.isnan(values[stock]):
        axis.axvline(values[stock], color=STOCK_GREY, linewidth=0.8, linestyle=":", zorder=2)
    for y, (value, interval) in enumerate(zip(values, panel.intervals, strict=True)):
        colour = STOCK_GREY if y == stock else COLOURS[0]
        if math.isnan(value):
            axis.text(0.02, y, "no data", transform=axis.get_yaxis_transform(), fontsize=8)
            continue
        bars = error_bars([interval], factor)
        axis.errorbar(
            [value], [y], xerr=bars, fmt="o", color=colour, markersize=5, capsize=3, zorder=3
        )
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel(panel.unit, fontsize=8)
    axis.grid(axis="x", color="0.92", zorder=0)
    axis.set_axisbelow(True)
    tidy(axis)
