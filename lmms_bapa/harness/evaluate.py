"""Runs one setting of a loaded model through the harness, and leaves its files."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lmms_eval.__main__ import parse_eval_args
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.loggers import EvaluationTracker
from lmms_eval.tasks import TaskManager
from lmms_eval.utils import get_datetime_str

from lmms_bapa.harness.backends import CHECKPOINT
from lmms_bapa.harness.live import LiveAdapter
from lmms_bapa.harness.options import build_interventions


def model_args_text(options: Mapping[str, Any]) -> str:
    """Options as the text that ``--model_args`` takes."""
    return ",".join(f"{key}={option_text(value)}" for key, value in options.items())


def option_text(value: Any) -> str:
    """One value as it is typed."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Evaluation:
    """What the harness found for one setting.

    Attributes:
        results: its results JSON.
        samples: the lines of its sample logs, by task.
        model_args: as a separate command would have them.
    """

    results: dict[str, Any]
    samples: dict[str, list[dict[str, Any]]]
    model_args: str


class NotSaved(OSError):
    """The harness lost something that it should have saved."""


def evaluate_setting(
    adapter: LiveAdapter,
    options: Mapping[str, Any],
    tasks: Sequence[str],
    manager: TaskManager,
    output: Path,
    limit: float | None = None,
    *,
    loading: Mapping[str, Any] | None = None,
    gen_kwargs: str = "",
) -> Evaluation | None:
    """Switches the live model to a setting, evaluates it and saves what the harness saves.

    Everything is as after a separate command: the harness gets the arguments that its own command
    line would give it, defaults included.

    Args:
        adapter: the loaded model.
        options: the interventions' ``model_args``; empty for the stock model.
        tasks: names of tasks.
        manager: the harness's task manager.
        output: folder for the results JSON, the sample logs and what tasks write themselves.
        limit: questions per task, or a share of them below 1, or None for all.
        loading: the other ``model_args``, as typed; default: the checkpoint alone.
        gen_kwargs: generation arguments that replace the tasks', in the harness's notation.

    Returns:
        What was found; None on all processes but the first.

    Raises:
        NotSaved: the harness could not save something.
    """
    adapter.steer(*build_interventions(options))
    checkpoint = {CHECKPOINT[adapter.backend]: adapter.options.pretrained}
    shared = checkpoint if loading is None else loading
    text = model_args_text({**shared, **options})
    name = type(adapter).__name__
    arguments = _command_line(
        model=name,
        model_args=text,
        tasks=",".join(tasks),
        batch_size=adapter.batch_size,
        limit=limit,
        gen_kwargs=gen_kwargs or None,
        output_path=output,
    )
    tracker = EvaluationTracker(output_path=str(output))
    date = get_datetime_str().replace(":", "-")
    # An engine in this process sets torch.distributed up for itself alone.
    is_set_up = torch.distributed.is_available() and torch.distributed.is_initialized()
    several = is_set_up and adapter.world_size > 1
    results: dict[str, Any] | None = simple_evaluate(
        model=adapter,
        model_args=text,
        tasks=list(tasks),
        task_manager=manager,
        evaluation_tracker=tracker,
        batch_size=arguments.batch_size,
        limit=arguments.limit,
        gen_kwargs=arguments.gen_kwargs,
        log_samples=True,
        cli_args=arguments,
        datetime_str=date,
        distributed_executor_backend="torchrun" if several else "accelerate",
    )
    if results is None:
        return None
    samples = results.pop("samples")
    # The tracker copies what it logs: the name of the model is enough, its weights are too much.
    tracker.general_config_tracker.model_source = name
    tracker.save_results_aggregated(results=results, samples=samples, datetime_str=date)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    _check_saved(output, date, {task: len(samples[task]) for task in results["configs"]})
    return Evaluation(results, samples, text)


def _command_line(**given: Any) -> Namespace:
    """What the harness's parser makes of a command; tasks look at it, and so does its scoring."""
    typed = [f"--{key}={value}" for key, value in given.items() if value is not None]
    kept, sys.argv = sys.argv, ["lmms-eval", *typed, "--log_samples"]
    try:
        parsed: Namespace = parse_eval_args()[1]
    finally:
        sys.argv = kept
    return parsed


def _check_saved(output: Path, date: str, tasks: Mapping[str, int]) -> None:
    """The harness only warns when it could not save; a lost result is an error here.

    Raises:
        NotSaved: a file is not there, or not whole.
    """
    name = f"{date}_results.json"
    lost = [] if any(map(_is_json, output.rglob(name))) else [name]
    for task, count in tasks.items():
        name = f"{date}_samples_{task}.jsonl"
        logs = list(output.rglob(name))
        if not logs or logs[0].read_bytes().count(b"\n") != count:
            lost.append(name)
    if lost:
        raise NotSaved(f"the harness could not save {', '.join(lost)} in {output}")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True
