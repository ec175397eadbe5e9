"""Runs of built-in tasks on their small likenesses, by the harness itself, to hand in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lmms_eval.loggers import EvaluationTracker

from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import open_source

from .benchmarks_like import Doc, replies, write
from .benchmarks_like.runs import Puppets, isolated, manager
from .harness_runs import evaluate

DATE = "20260102_030405"


def harness_run(folder: Path, *tasks: str) -> Path:
    """Runs tasks below a folder, which then also has the harness's ``submissions``.

    Every third question is answered wrongly.

    Args:
        folder: for data and results.
        tasks: built-in ones that have a likeness.

    Returns:
        The folder of the results JSON and the sample logs.
    """
    for task in tasks:
        write(task, folder)
    rules: Mapping[str, Callable[[Doc], str]] = {task: replies(task) for task in tasks}
    tracker = EvaluationTracker(output_path=str(folder / "run"))
    with isolated(folder):
        found = evaluate(
            Puppets(rules),
            tasks,
            manager=manager(*tasks),
            log_samples=True,
            evaluation_tracker=tracker,
        )
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples, datetime_str=DATE)
    for task, lines in samples.items():
        tracker.save_results_samples(task, lines)
    return folder / "run"


def change_results(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes what the results JSON of a run says."""
    file = run / f"{DATE}_results.json"
    results = json.loads(file.read_text())
    change(results)
    file.write_text(json.dumps(results))


def change_samples(run: Path, task: str, change: Callable[[int, dict[str, Any]], None]) -> None:
    """Changes the sample log of a run, line for line; ``change`` gets number and sample."""
    log = run / f"{DATE}_samples_{task}.jsonl"
    samples = [json.loads(line) for line in log.read_text().splitlines()]
    for number, sample in enumerate(samples):
        change(number, sample)
    log.write_text("".join(json.dumps(sample) + "\n" for sample in samples))


def exported(to: str, path: Path, *options: str, tasks: tuple[str, ...] = ()) -> dict[str, bytes]:
    """The files of an export, by path."""
    source = open_source(path, tasks=tasks)
    return {str(f.path): f.content for f in make_exporter(to, options).files(source)}
