"""Figures against a numeric option, with confidence bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmms_bapa.plots.surface import (
    BAND_GREY,
    COLOURS,
    DASHES,
    MARKERS,
    new_figure,
    tidy,
    wrapped,
)
from lmms_bapa.statistics.figures import Interval


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        label: of the legend.
        x: values of the option, rising.
        intervals: one for each of them.
    """

    label: str
    x: Sequence[float]
    intervals: Sequence[Interval]


@dataclass(frozen=True)
class CurvePanel:
    """One figure against the option.

    Attributes:
        title: stands above it.
        unit: of the vertical axis.
        lines: the curves.
        chance: for each line what chance alone would give at each x, drawn in grey; or empty.
        factor: 100 for shares, 1 for other numbers.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    chance: Sequence[Line] = ()
    factor: float = 100.0


def draw_curves(panels: Sequence[CurvePanel], option: str, width: float) -> Any:
    """Draws panels of curves, side by side or, if ``width`` is small, under each other.

    Args:
        panels: with the same lines in the same order.
        option: name of the horizontal axis.
        width: of the figure, in inches.

    Returns:
        A figure of matplotlib.
    """
    columns = len(panels) if width > 6 else 1
    rows = math.ceil(len(panels) / columns)
    figure, axes = new_figure(rows, columns, width, rows * 2.7 + 0.2 * len(panels[0].lines))
    for axis, panel in zip(axes.flat, panels, strict=True):
        _draw_chance(axis, panel)
        for i, line in enumerate(panel.lines):
            _draw_line(axis, line, panel.factor, i)
        axis.set_title(panel.title, fontsize=9)
        axis.set_xlabel(option.replace("$", r"\$"), fontsize=8)
        axis.set_ylabel(panel.unit, fontsize=8)
        axis.grid(color="0.92")
        axis.set_axisbelow(True)
        tidy(axis)
    entries = {
        text: handle
        for axis in axes.flat
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=max(1, int(width // 3.2)),
        fontsize=8,
        frameon=False,
    )
    return figure


def _draw_line(axis: Any, line: Line, factor: float, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    values = [factor * interval.value for interval in line.intervals]
    axis.plot(
        line.x,
        values,
        color=colour,
        marker=MARKERS[number % len(MARKERS)],
        linestyle=DASHES[number // len(COLOURS) % len(DASHES)],
        markersize=4.5,
        label=wrapped(line.label, 40),
    )
    low = [factor * interval.low for interval in line.intervals]
    high = [factor * interval.high for interval in line.intervals]
    axis.fill_between(line.x, low, high, color=colour, alpha=0.15, linewidth=0)


def _draw_chance(axis: Any, panel: CurvePanel) -> None:
    for i, line in enumerate(panel.chance):
        low = [panel.factor * interval.low for interval in line.intervals]
        high = [panel.factor * interval.high for interval in line.intervals]
        label = None if i else "spread by chance alone"
        axis.fill_between(line.x, low, high, color=BAND_GREY, linewidth=0, label=label)
