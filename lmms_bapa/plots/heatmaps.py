"""Heat maps of accuracy per cell, all on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lmms_bapa.errors import UsageError

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


def save_heat_maps(maps: Mapping[str, Mapping[str, Grid]], path: Path) -> Path:
    """Draws one row of heat maps per model, one column per setting.

    Args:
        maps: model -> setting -> accuracy per cell (fractions), rows from the top.
        path: the PNG to write; it appears when it is complete.

    Returns:
        ``path``.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    models = list(maps)
    settings = list(dict.fromkeys(s for row in maps.values() for s in row))
    size = (2.1 * len(settings) + 1.2, 2.1 * len(models) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(models), len(settings), squeeze=False)
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
            percent = [[100 * value for value in row] for row in grid]
            # cividis reads the same for people who do not tell red from green.
            image = axis.imshow(percent, vmin=0, vmax=100, cmap="cividis")
            for y, row in enumerate(percent):
                for x, value in enumerate(row):
                    colour = "black" if value > 55 else "white"
                    axis.text(x, y, f"{value:.0f}", ha="center", va="center", color=colour)
    if image is not None:
        bar = figure.colorbar(image, ax=axes, shrink=0.7)
        bar.set_label("found, % of questions\nwith the key in this cell")
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial, dpi=150)
    partial.replace(path)
    return path
