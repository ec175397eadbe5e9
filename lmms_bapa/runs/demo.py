"""The comparison that makes the point: two planted biases, four settings, one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmms_eval.tasks import TaskManager
from rich import box
from rich.progress import Progress
from rich.table import Table

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.discovery import register_tasks
from lmms_bapa.harness.loading import locate
from lmms_bapa.runs.evaluate import model_args_text, run_setting
from lmms_bapa.validation import nearest

DEFAULT_TASK = "spatial_probe_lite"
DEFAULT_MODELS = ("micro-llava", "micro-llava-start")
SETTINGS: dict[str, dict[str, Any]] = {
    "off": {},
    "BaPA": {"bapa": True},
    "BaPA centred": {"bapa": True, "bapa_anchor": "center"},
    "AGCI λ = 0.3": {"agci_lambda": 0.3},
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
    models: Sequence[str], task: str, output: Path, progress: Progress, limit: int | None = None
) -> list[Row]:
    """Runs every setting on every model.

    Args:
        models: names of embedded models, or any other ``pretrained``.
        task: one of our probes.
        output: each run gets a folder ``<output>/<model>/<setting>``, in the harness's layout.
        progress: shows what is run.
        limit: questions per run, or None for all.

    Returns:
        The rows, in the order of ``models`` and ``SETTINGS``.

    Raises:
        UsageError: an unknown task, or a model that cannot be loaded.
    """
    register_tasks()
    manager = TaskManager(include_defaults=False)
    if task not in manager.all_tasks:
        raise UsageError(f"unknown task {task!r}: {nearest(task, manager.all_tasks)}")
    for model in models:
        locate(model)
    bar = progress.add_task("", total=len(models) * len(SETTINGS))
    rows = []
    for model in models:
        adapter = HFBapa(pretrained=model, batch_size=BATCH)
        adapter.keep_loaded = True
        for setting, options in SETTINGS.items():
            progress.update(bar, description=f"{model}, {setting}")
            place = output / Path(model).name / (model_args_text(options) or "off")
            results = run_setting(adapter, options, [task], manager, place, limit)
            found = results["results"][task]
            figures = {key.split(",")[0]: value for key, value in found.items()}
            rows.append(Row(model, setting, figures))
            progress.advance(bar)
    return rows


def comparison_table(rows: Sequence[Row], title: str) -> Table:
    """The figures side by side, in percent."""
    table = Table(title=title, box=box.HORIZONTALS, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("setting", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        figures = [f"{100 * row.figures[key]:.1f}" for key in COLUMNS]
        table.add_row(row.model, row.setting, *figures, end_section=(i + 1) % len(SETTINGS) == 0)
    return table


def heat_maps(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Accuracy per cell: model -> setting -> grid."""
    maps: dict[str, dict[str, Any]] = {}
    for row in rows:
        maps.setdefault(row.model, {})[row.setting] = row.figures["cell_accuracy"]
    return maps
