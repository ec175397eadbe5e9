"""The figures of a sweep side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from lmms_bapa.results.folders import RunFolder, read_runs

# Of a probe, in this order; of any other task, the first that its results name.
PREFERRED = ("balanced_accuracy", "accuracy", "yes_rate", "cell_std", "cell_worst", "consistency")
COLUMNS = 6


def figures(run: RunFolder, task: str) -> dict[str, float]:
    """The numbers of a task's results, without their standard errors."""
    found: dict[str, float] = {}
    for key, value in run.results["results"].get(task, {}).items():
        name = key.split(",")[0]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and "," in key and not name.endswith(("_stderr", "_stderr_clt")):
            found.setdefault(name, float(value))
    return found


def sweep_tables(path: Path) -> list[Table]:
    """One table per task or group that has figures: settings by main figures.

    Args:
        path: the folder of a sweep.

    Raises:
        UsageError: see :func:`lmms_bapa.results.folders.read_runs`.
    """
    runs = read_runs(path)
    tasks = dict.fromkeys(task for run in runs for task in run.results["results"])
    found = [_table(task, runs) for task in tasks]
    return [table for table in found if table is not None]


def _table(task: str, runs: list[RunFolder]) -> Table | None:
    rows = {run.label: figures(run, task) for run in runs}
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    preferred = [name for name in PREFERRED if name in names]
    columns = (preferred if len(preferred) > 1 else names)[:COLUMNS]
    if not columns:
        return None
    table = Table(title=task, box=box.HORIZONTALS, pad_edge=False)
    table.add_column("setting")  # broken at blanks, where a number would be cut off
    for name in columns:
        table.add_column(name.replace("_", "\n"), justify="right", vertical="bottom", no_wrap=True)
    for label, row in rows.items():
        table.add_row(
            label.replace(",", ", "), *(_shown(row.get(name, math.nan)) for name in columns)
        )
    return table


def _shown(value: Any) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"
