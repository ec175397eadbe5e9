"""Lets the harness find our task folder without ``--include_path``.

lmms-eval has an entry point for models and none for tasks. Ours is used to extend
``TaskManager.initialize_tasks``: at once if ``lmms_eval.tasks`` is imported already, else right
after it is, because importing it here would make ``lmms-eval models`` ten seconds slower.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.resources import folder

_TASKS = "lmms_eval.tasks"

# What the last TaskManager knows: a task that is made from another one looks it up here, since
# the harness gives a task class nothing but its own YAML.
_latest: dict[str, Any] = {}


def task_index(include: Path | None = None) -> Mapping[str, Mapping[str, Any]]:
    """All tasks that the harness found, by name: their kind and their YAML.

    Args:
        include: a folder of further tasks.

    Returns:
        The index of the last ``TaskManager``; a new one is made if there is none, or if further
        tasks are wanted (10 seconds).
    """
    if include is not None or "index" not in _latest:
        register_tasks()
        from lmms_eval.tasks import TaskManager

        TaskManager(include_path=None if include is None else str(include))
    index: Mapping[str, Mapping[str, Any]] = _latest["index"]
    return index


def model_name() -> str | None:
    """The ``--model`` that the tasks are made for, if the harness said so."""
    name: str | None = _latest.get("model_name")
    return name


def register_tasks() -> None:
    """Makes every ``TaskManager`` of this process know our tasks. May be called twice."""
    module = sys.modules.get(_TASKS)
    if module is not None and hasattr(module, "TaskManager"):
        _extend(module)
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def _extend(module: ModuleType) -> None:
    manager = module.TaskManager
    stock = manager.initialize_tasks
    if getattr(stock, "_lmms_bapa", False):
        return

    @functools.wraps(stock)
    def initialize_tasks(
        self: Any, include_path: Any = None, include_defaults: bool = True
    ) -> dict[str, Any]:
        with visible_failures():
            _check_model_name(getattr(self, "model_name", None))
        paths = [include_path] if isinstance(include_path, str | Path) else list(include_path or [])
        ours = str(folder("tasks"))
        if ours not in map(str, paths):
            paths.append(ours)
        index: dict[str, Any] = stock(
            self, include_path=[str(p) for p in paths], include_defaults=include_defaults
        )
        _latest.update(index=index, model_name=getattr(self, "model_name", None))
        return index

    initialize_tasks._lmms_bapa = True  # type: ignore[attr-defined]
    manager.initialize_tasks = initialize_tasks


def _check_model_name(name: str | None) -> None:
    """Catches a misspelt adapter of ours before the harness walks through two thousand tasks."""
    if not name:
        return
    from lmms_eval.models import list_available_models

    if name in list_available_models(include_aliases=True):
        return
    near = difflib.get_close_matches(name, preset_names(), n=1, cutoff=0.75)
    if near or name.endswith("_bapa"):
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(preset_names())}"
        raise UsageError(f"unknown model {name!r}: {hint}")


class _AfterImport(MetaPathFinder):
    """Finds ``lmms_eval.tasks`` as usual, once, and extends it when it has run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != _TASKS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _extend(module)

        loader.exec_module = exec_module
        return spec
