"""Heat maps of the probe's accuracy, all on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.plots.panels import Cells, Panel

Grid = list[list[float]]


def require_matplotlib() -> None:
    """Checks for the optional dependency before any long work.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install 'lmms-bapa[plots]'") from error


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure without a window, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _finish(figure: Any, axes: Any, image: Any, label: str, path: Path) -> Path:
    if image is not None:
        figure.colorbar(image, ax=axes, shrink=0.7).set_label(label)
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    figure.savefig(partial, dpi=150)
    partial.replace(path)
    return path


def save_heat_maps(maps: Mapping[str, Mapping[str, Grid]], path: Path) -> Path:
    """Draws one row of heat maps per model, one column per setting.

    Args:
        maps: model -> setting -> accuracy per cell (fractions), rows from the top.
        path: the PNG to write; it appears when it is complete.

    Returns:
        ``path``.
    """
    require_matplotlib()
    models = list(maps)
    settings = list(dict.fromkeys(s for row in maps.values() for s in row))
    size = (2.1 * len(settings) + 1.2, 2.1 * len(models) + 0.3)
    figure, axes = _figure(len(models), len(settings), *size)
    image = None
    for i, model in enumerate(models):
        for j, setting in enumerate(settings):
            axis = axes[i][j]
            axis.set_xticks([])
            axis.set_yticks([])
            if i == 0:
                axis.set_title(setting, fontsize=10)
            if j == 0:
                axis.set_ylabel(model, fontsize=10)
            grid = maps[model].get(setting)
            if grid is None:
                axis.set_axis_off()
                continue
            image = Cells(setting, grid).draw(axis)
    label = "found, % of questions\nwith the key in this cell"
    return _finish(figure, axes, image, label, path)


def save_panels(rows: Sequence[Sequence[Panel]], path: Path) -> Path:
    """Draws rows of panels.

    Args:
        rows: one or more rows, of one or more panels each.
        path: the file to write, of a format that matplotlib knows; it appears when it is complete.

    Returns:
        ``path``.

    Raises:
        ValueError: matplotlib does not know the format.
        OSError: the file cannot be written.
    """
    require_matplotlib()
    if not path.suffix:
        raise ValueError("its name should end in .png or another format")
    columns = max(map(len, rows))
    lines = max(panel.title.count("\n") + 1 for row in rows for panel in row)
    size = (2.3 * columns + 1.2, (2.1 + 0.18 * lines) * len(rows) + 0.3)
    figure, axes = _figure(len(rows), columns, *size)
    image = None
    for line, row in zip(axes, rows, strict=True):
        for axis in line[len(row) :]:
            axis.set_axis_off()
        for axis, panel in zip(line, row, strict=False):
            axis.set_title(panel.title, fontsize=8)
            drawn = panel.draw(axis)
            image = image or drawn
    return _finish(figure, axes, image, "right answers, %", path)
