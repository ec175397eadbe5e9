"""Runs one setting of a loaded model through the harness, and leaves its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmms_eval.evaluator import simple_evaluate
from lmms_eval.loggers import EvaluationTracker
from lmms_eval.tasks import TaskManager
from lmms_eval.utils import get_datetime_str

from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.options import build_interventions


def model_args_text(options: Mapping[str, Any]) -> str:
    """Options as the text that ``--model_args`` takes."""
    return ",".join(f"{key}={_text(value)}" for key, value in options.items())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def run_setting(
    adapter: HFBapa,
    options: Mapping[str, Any],
    tasks: Sequence[str],
    manager: TaskManager,
    output: Path,
    limit: int | None = None,
) -> dict[str, Any]:
    """Switches the live model to a setting, evaluates it and saves what the harness saves.

    Args:
        adapter: the loaded model.
        options: the intervention's ``model_args``; empty for the stock model.
        tasks: names of tasks.
        manager: the harness's task manager.
        output: folder for the results JSON and the sample logs.
        limit: questions per task, or None for all.

    Returns:
        The harness's results.
    """
    adapter.steer(*build_interventions(options))
    text = model_args_text({"pretrained": adapter.options.pretrained, **options})
    tracker = EvaluationTracker(output_path=str(output))
    results: dict[str, Any] = simple_evaluate(
        model=adapter,
        model_args=text,
        tasks=list(tasks),
        task_manager=manager,
        evaluation_tracker=tracker,
        batch_size=adapter.batch_size,
        limit=limit,
        log_samples=True,
        bootstrap_iters=0,
    )
    samples = results.pop("samples")
    # The tracker copies what it logs: the name of the model is enough, its weights are too much.
    tracker.general_config_tracker.model_source = type(adapter).__name__
    date = get_datetime_str().replace(":", "-")
    tracker.save_results_aggregated(results=results, samples=samples, datetime_str=date)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    _check_saved(output, date, results["configs"])
    return results


def _check_saved(output: Path, date: str, tasks: Iterable[str]) -> None:
    """The harness only warns when it could not save; a lost result is an error here.

    Raises:
        OSError: a file is not there.
    """
    names = [f"{date}_results.json", *(f"{date}_samples_{task}.jsonl" for task in tasks)]
    missing = [name for name in names if not list(output.rglob(name))]
    if missing:
        raise OSError(f"the harness could not save {', '.join(missing)} in {output}")
