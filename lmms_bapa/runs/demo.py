"""The comparison that makes the point: models with a planted bias, one sweep and report each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from lmms_bapa import resources
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.loading import locate
from lmms_bapa.places import check_place
from lmms_bapa.results.folders import OFF, read_runs
from lmms_bapa.sweep.config import SweepConfig
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep
from lmms_bapa.validation import nearest

DEFAULT_MODELS = ("micro-llava", "micro-llava-start")
GRID: dict[str, list[Any]] = {
    "bapa": [False, True],
    "bapa_anchor": ["paper", "center"],
    "agci_lambda": [0, 0.3],
}
COLUMNS = {
    "balanced_accuracy": "balanced\naccuracy",
    "yes_rate": "says\n Yes",
    "cell_std": "cell\nspread",
    "cell_worst": "worst\ncell",
    "consistency": "same\nin all",
}
BATCH = 32


@dataclass(frozen=True)
class Row:
    """One line of the comparison; shares, not percent.

    Attributes:
        model: name of the embedded model.
        setting: name of the setting.
        figures: the metrics of :mod:`lmms_bapa.metrics.probe`.
    """

    model: str
    setting: str
    figures: dict[str, Any]


def compare(
    models: Sequence[str],
    task: str,
    output: Path,
    progress: SweepProgress,
    limit: int | None = None,
) -> list[Row]:
    """Sweeps every model; what an earlier, equal demo finished is kept.

    Args:
        models: names of embedded models, or any other ``pretrained``.
        task: one of our probes.
        output: each model gets a folder there, see :func:`folder_of`.
        progress: shows what is run.
        limit: questions per run, or None for all.

    Returns:
        The rows, in the order of ``models``, the stock model first.

    Raises:
        UsageError: an unknown task, or a model that cannot be loaded.
    """
    probes = [path.stem for path in (resources.folder("tasks") / "spatial_probe").glob("*.yaml")]
    if task not in probes:
        raise UsageError(f"unknown probe {task!r}: {nearest(task, probes)}")
    for model in models:
        locate(model)
    check_place(output)
    rows = []
    for model in models:
        config = SweepConfig(
            model_args={"pretrained": model},
            tasks=[task],
            grid=GRID,
            limit=limit,
            batch_size=BATCH,
        )
        folder = folder_of(output, model)
        sweep(config, folder, progress)
        for run in sorted(read_runs(folder), key=lambda run: len(run.settings)):
            found = run.results["results"][task]
            figures = {key.split(",")[0]: value for key, value in found.items()}
            rows.append(Row(model, setting_name(run.settings), figures))
    return rows


def folder_of(output: Path, model: str) -> Path:
    """Where the sweep of a model is."""
    return output / Path(model).name


def setting_name(options: Mapping[str, str]) -> str:
    """How the table calls a setting of the demo."""
    centred, agci = options.get("bapa_anchor") == "center", "agci_lambda" in options
    if "bapa" not in options:
        return f"AGCI {options['agci_lambda']}" if agci else OFF
    if agci:
        return "centred + AGCI" if centred else "BaPA + AGCI"
    return "BaPA centred" if centred else "BaPA"


def comparison_table(rows: Sequence[Row], title: str) -> Table:
    """The figures side by side, in percent."""
    table = Table(title=title, box=box.HORIZONTALS, pad_edge=False, collapse_padding=True)
    table.add_column("model", no_wrap=True)
    table.add_column("setting", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        figures = [f"{100 * row.figures[key]:.1f}" for key in COLUMNS]
        ends = following is None or following.model != row.model
        table.add_row(row.model, row.setting, *figures, end_section=ends)
    return table


def heat_maps(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Accuracy per cell: model -> setting -> grid."""
    maps: dict[str, dict[str, Any]] = {}
    for row in rows:
        maps.setdefault(row.model, {})[row.setting] = row.figures["cell_accuracy"]
    return maps
