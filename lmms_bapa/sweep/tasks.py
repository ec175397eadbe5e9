"""Loads the tasks of a sweep once before anything else, to know that they can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmms_eval.evaluator_utils import get_sample_size, get_task_list
from lmms_eval.tasks import TaskManager, get_task_dict

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.command_line import not_loaded
from lmms_bapa.provenance.manifest_format import TaskFacts

GENERATION = "generate_until"


def load_tasks(names: Sequence[str], manager: TaskManager) -> list[Any]:
    """The task objects behind names of tasks and groups, each once.

    Raises:
        UsageError: one cannot be loaded, or is not for chat adapters that generate.
    """
    found: dict[str, Any] = {}
    for name in names:
        try:
            outputs = get_task_list(get_task_dict([name], manager, "chat"))
        except UsageError:
            raise
        except Exception as error:
            raise not_loaded("task", name, error) from error
        found |= {output.task_name: output.task for output in outputs}
    for name, task in found.items():
        if task.OUTPUT_TYPE != GENERATION:
            raise UsageError(
                f"task {name}: is scored by {task.OUTPUT_TYPE}, and the adapters only "
                "generate: leave it out"
            )
    return list(found.values())


def questions(task: Any, limit: float | None) -> int:
    """How many replies a task takes."""
    total = len(task.eval_docs)
    asked = get_sample_size(task, limit)
    return (total if asked is None else min(asked, total)) * int(task.config.repeats or 1)


def facts(tasks: Sequence[Any]) -> dict[str, TaskFacts]:
    """What identifies the tasks before they are run."""
    return {
        task.config.task: TaskFacts(
            version=task.VERSION,
            metadata=task.config.metadata,
            documents={"original": len(task.eval_docs)},
        )
        for task in tasks
    }
