"""Runs built-in tasks on the local data sets, away from the machine's own caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmms_eval.tasks
import pytest
from lmms_eval.api.instance import GenerationResult
from lmms_eval.api.task import _resolve_hf_datasets_cache_dir
from lmms_eval.tasks import TaskManager

from tests.harness_runs import Puppet, evaluate

from . import ALL, Doc, write

BUILT_IN = Path(lmms_eval.tasks.__file__).parent


@contextmanager
def isolated(folder: Path) -> Iterator[None]:
    """Works in ``folder``; what ``datasets`` prepares from local files stays below it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LMMS_EVAL_DATASETS_CACHE", str(folder / "cache"))
        patch.setenv("HF_HOME", str(folder / "hf"))  # videos
        _resolve_hf_datasets_cache_dir.cache_clear()
        try:
            yield
        finally:
            _resolve_hf_datasets_cache_dir.cache_clear()


def manager(*names: str, include: Path | None = None) -> TaskManager:
    """Knows the built-in tasks of these benchmarks, and ours; indexing all would take 10 s.

    Args:
        names: of benchmarks.
        include: a folder with further tasks.
    """
    folders = sorted({str(BUILT_IN / ALL[name].folder) for name in names})
    folders += [str(include)] if include else []
    return TaskManager(include_path=folders, include_defaults=False)


class Puppets(Puppet):
    """A rule of its own for each task; members of a group have the group's."""

    def __init__(self, rules: Mapping[str, Callable[[Doc], str]]) -> None:
        super().__init__(lambda doc: "")
        self.rules = rules

    def generate_until(self, requests: Any) -> list[GenerationResult]:
        replies = []
        for _, _, _, doc, task, split in (request.args for request in requests):
            rule = self.rules.get(task) or self.rules[task.split("_")[0]]
            replies.append(GenerationResult(text=rule(self.task_dict[task][split][doc])))
        return replies


def run(model: Any, task: str, folder: Path, **kwargs: Any) -> dict[str, Any]:
    """Writes a benchmark to an empty folder and evaluates a model on its built-in task there."""
    write(task, folder)
    with isolated(folder):
        return evaluate(model, [task], manager=manager(task), **kwargs)
