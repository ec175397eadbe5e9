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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.failure import in_command_line, visible_failures
from lmms_bapa.harness.presets import missing_folder, preset_names
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

    load = manager.load_task_or_group

    @functools.wraps(stock)
    def initialize_tasks(
        self: Any, include_path: Any = None, include_defaults: bool = True
    ) -> dict[str, Any]:
        model_name = getattr(self, "model_name", None)
        with visible_failures():
            _check_model_name(model_name)
            typed = _typed(model_name)
        paths = [include_path] if isinstance(include_path, str | Path) else list(include_path or [])
        ours = str(folder("tasks"))
        if ours not in map(str, paths):
            paths.append(ours)
        index: dict[str, Any] = {}
        with _loading(typed, "--include_path", include_path):
            index = stock(
                self, include_path=[str(p) for p in paths], include_defaults=include_defaults
            )
        _latest.update(index=index, model_name=model_name)
        if typed is not None:
            from lmms_bapa.harness.command_line import check_tasks

            with visible_failures():
                check_tasks(typed, index)
        return index

    @functools.wraps(load)
    def load_task_or_group(self: Any, task_list: Any = None, *more: Any, **given: Any) -> Any:
        typed = _typed(getattr(self, "model_name", None))
        with _loading(typed, "task", task_list):
            loaded = load(self, task_list, *more, **given)
        if typed is not None:
            from lmms_bapa.harness.command_line import check_loaded

            with visible_failures():
                check_loaded(typed, loaded)
        return loaded

    initialize_tasks._lmms_bapa = True  # type: ignore[attr-defined]
    manager.initialize_tasks = initialize_tasks
    manager.load_task_or_group = load_task_or_group


def _typed(model_name: Any) -> Any:
    """The options of the harness's command, checked, if it is running an adapter of ours."""
    if model_name not in preset_names() or not in_command_line():
        return None
    from lmms_bapa.harness.command_line import check_options, typed

    commands = typed()
    for given in commands:
        check_options(given)
    return commands[0] if commands else None


@contextmanager
def _loading(typed: Any, what: str, names: Any) -> Iterator[None]:
    """Says in one line what the harness cannot load; it would exit 0.

    Args:
        typed: the options of its command; None, as with an adapter that is not ours, leaves its
            errors to it. ``DEBUG`` shows the traceback.
        what: kind of thing, for the message.
        names: of the things.
    """
    with visible_failures(others=typed is not None):
        try:
            yield
        except UsageError:
            raise
        except Exception as error:
            if typed is None or typed.verbosity == "DEBUG":
                raise
            from lmms_bapa.harness.command_line import not_loaded

            raise not_loaded(what, names, error) from error


def _check_model_name(name: Any) -> None:
    """Catches a misspelt adapter of ours before the harness walks through two thousand tasks."""
    if not isinstance(name, str) or not name:  # Python code may give an adapter itself
        return
    from lmms_eval.models import list_available_models

    if name in list_available_models(include_aliases=True):
        return
    near = difflib.get_close_matches(name, preset_names(), n=1, cutoff=0.75)
    if near or name.endswith("_bapa"):
        there = f"there are {', '.join(preset_names())}"
        hint = f"did you mean {near[0]}?" if near else missing_folder() or there
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
