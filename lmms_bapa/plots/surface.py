"""Figures without a window: making them, and turning them into SVG and PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmms_bapa.plots.heatmaps import require_matplotlib
from lmms_bapa.statistics.figures import Interval

# Okabe and Ito's colours, without the yellow that vanishes on white; told apart by people who do
# not see red and green alike. Markers and dashes repeat the distinction for print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")
STOCK_GREY, BAND_GREY = "0.25", "0.85"
_DPI = 150


@dataclass(frozen=True)
class Scale:
    """How values become numbers on an axis.

    Attributes:
        factor: multiplies the values; 100 turns shares into percent.
        low: lower end of the colour scale, after multiplying.
        high: its upper end.
        digits: decimals of a printed value.
    """

    factor: float = 100.0
    low: float = 0.0
    high: float = 100.0
    digits: int = 0

    def text(self, value: float) -> str:
        """A value as it is printed; "–" if there is none."""
        return "–" if math.isnan(value) else f"{value * self.factor:.{self.digits}f}"


PERCENT = Scale()


def new_figure(
    rows: int, columns: int, width: float, height: float, **options: Any
) -> tuple[Any, Any]:
    """A figure without a window, and its axes as an array of ``rows`` x ``columns``.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        width: inches.
        height: inches.
        options: of matplotlib's ``Figure.subplots``.

    Raises:
        UsageError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def arrange(figure: Any) -> Any:
    """Lays the figure out once and for all; otherwise every format would do it again."""
    for _ in range(2):  # titles of square axes move with the first layout
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def as_svg(figure: Any) -> bytes:
    """The figure as SVG, the same bytes for the same figure."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.BytesIO()
    # Without a date and with a fixed salt for the names of its parts. ``savefig`` draws twice.
    with rc_context({"svg.hashsalt": "lmms-bapa", "svg.fonttype": "path"}):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()


def as_png(figure: Any) -> bytes:
    """The figure as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stream = io.BytesIO()
    figure.set_dpi(_DPI)  # SVG leaves another behind
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


def wrapped(label: str, width: int) -> str:
    """A label of settings broken after its commas, so that no line is wider than needed.

    ``$`` is escaped, since matplotlib would read formulas between two of them.
    """
    lines = [""]
    parts = label.replace("$", r"\$").split(",")
    for i, part in enumerate(parts):
        piece = part + ("," if i < len(parts) - 1 else "")
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line[i : i + width] for line in lines for i in range(0, len(line), width))


def error_bars(intervals: Sequence[Interval], factor: float) -> list[list[float]]:
    """Lengths of the bars below and above each value; NaN where an interval has no ends."""
    below = [factor * max(0.0, i.value - i.low) if _has_ends(i) else math.nan for i in intervals]
    above = [factor * max(0.0, i.high - i.value) if _has_ends(i) else math.nan for i in intervals]
    return [below, above]


def _has_ends(interval: Interval) -> bool:
    return not any(map(math.isnan, (interval.value, interval.low, interval.high)))


def tidy(axis: Any) -> None:
    """Leaves only the left and the lower line of the frame."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
