"""Runs of a benchmark of the hub, and exports kept in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import Source

from .result_folders import plain_samples, write_run


def export(name: str, source: Source, *options: str) -> dict[str, str]:
    """The files of an export: path -> text."""
    found = make_exporter(name, options).files(source)
    return {str(file.path): file.content.decode() for file in found}


def write_benchmark(
    folder: Path, settings: Mapping[str, float], task: str = "pope", **more: Any
) -> Path:
    """One run a setting of a benchmark whose scorer gives a value of its own."""
    for label, value in settings.items():
        args = "pretrained=lab/model" + (f",{label}" if label != "off" else "")
        known = {"pope_accuracy,none": value, "pope_accuracy_stderr,none": "N/A"}
        values = {"alias": "x", "pope_yes,none": 0.5, **known}
        write_run(
            folder / label,
            {task: plain_samples([1.0, 0.0, 1.0, 1.0], "pope_accuracy")},
            args,
            config={"dataset_path": "lmms-lab/POPE", "test_split": "test", **more},
            results={task: values},
            higher_is_better={task: {"pope_accuracy": True, "pope_yes": False}},
        )
    return folder
