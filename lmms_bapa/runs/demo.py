"""The comparison that makes the point: two planted biases, four settings, one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TASK = "spatial_probe_lite"
MODELS = ("micro-llava", "micro-llava-start")
SETTINGS: dict[str, dict[str, Any]] = {
    "off": {},
    "BaPA": {"bapa": True},
    "BaPA, centred": {"bapa": True, "bapa_anchor": "center"},
    "AGCI, λ = 0.3": {"agci_lambda": 0.3},
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


def compare(output: Path, progress: Callable[[str], None], limit: int | None = None) -> list[Row]:
    """Runs every setting on every model.

    Args:
        output: a folder a run: ``<output>/<model>/<setting>``, in the harness's layout.
        progress: told what is run next.
        limit: questions per run, or None for all.

    Returns:
        The rows, in the order of ``MODELS`` and ``SETTINGS``.
    """
    from lmms_eval.tasks import TaskManager

    from lmms_bapa.harness.adapter import HFBapa
    from lmms_bapa.harness.discovery import register_tasks
    from lmms_bapa.runs.evaluate import run_setting

    register_tasks()
    manager = TaskManager(include_defaults=False)
    rows = []
    for model in MODELS:
        adapter = HFBapa(pretrained=model, batch_size=BATCH)
        adapter.keep_loaded = True
        for setting, options in SETTINGS.items():
            progress(f"{model}, {setting}")
            folder = output / model / "-".join(f"{k}={v}" for k, v in options.items())
            place = folder if options else output / model / "off"
            results = run_setting(adapter, options, [TASK], manager, place, limit)
            found = results["results"][TASK]
            figures = {key.split(",")[0]: value for key, value in found.items()}
            rows.append(Row(model, setting, figures))
    return rows
