"""Checks a command of ``lmms-eval`` with an adapter of ours before the harness begins its work.

The harness finds out about most mistakes late, prints a traceback and exits 0; what it cannot save
it loses. So its options are looked at as soon as it looks for tasks, which is before the model.
"""

from __future__ import annotations

import fnmatch
import math
import traceback
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmms_eval import utils
from tenacity import RetryError
from yaml import YAMLError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import check_model_arguments, parse_arguments
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_names, preset_path
from lmms_bapa.places import try_place
from lmms_bapa.validation import nearest, reason

Index = Mapping[str, Mapping[str, Any]]
_LISTS = ("list", "list_groups", "list_tags", "list_subtasks")
_NOT_ASKED = ("loglikelihood", "multiple_choice", "generate_until_multi_round")


def typed() -> Namespace | None:
    """The options of the harness's command with an adapter of ours, if that is what called us."""
    for frame, _ in traceback.walk_stack(None):
        name = getattr(frame.f_globals.get("__spec__"), "name", "")
        if frame.f_code.co_name == "cli_evaluate_single" and name == "lmms_eval.__main__":
            given = frame.f_locals.get("args")
            is_ours = isinstance(given, Namespace) and given.model in preset_names()
            return given if is_ours else None
    return None


def check_options(given: Namespace) -> None:
    """Checks all that needs neither tasks nor model.

    Raises:
        UsageError: with the first mistake.
    """
    if not given.tasks:
        raise UsageError("--tasks is missing: add --tasks spatial_probe_lite")
    if given.tasks in _LISTS:
        return
    preset = load_preset(preset_path(given.model))
    own = {"batch_size": given.batch_size, "device": given.device}
    check_model_arguments(given.model_args or "", preset, own)
    check_generation(given.gen_kwargs or "")
    _check_numbers(given)
    for folder in [given.include_path] if isinstance(given.include_path, str) else []:
        if not Path(folder).is_dir():
            raise UsageError(f"--include_path {folder}: no such folder")
    if (given.log_samples or given.predict_only) and not given.output_path:
        raise UsageError("--log_samples has no effect without --output_path: add --output_path DIR")
    if given.output_path:
        _check_output(str(given.output_path))


def _check_numbers(given: Namespace) -> None:
    limit, offset = given.limit, given.offset
    if limit is not None and limit != -1 and not 0 < limit < math.inf:
        raise UsageError(
            f"--limit {limit:g}: should be a number of questions, or a share of them below 1"
        )
    if offset < 0:
        raise UsageError(f"--offset {offset}: should be 0 or more")


def _check_output(path: str) -> None:
    try_place(Path(path), "--output_path")
    # The harness hands it on as key=value,key=value.
    try:
        kept = parse_arguments(f"output_path={path}", "output_path").get("output_path")
    except UsageError:
        kept = None
    if kept != path:
        raise UsageError(f"--output_path {path}: the harness reads another name: take a plain one")


def check_tasks(given: Namespace, index: Index) -> None:
    """Checks that the tasks are there, and that the adapters can be asked them.

    Raises:
        UsageError: with the first that is not, or cannot.
    """
    if given.tasks in _LISTS:
        return
    if Path(given.tasks).is_dir():
        if not any(Path(given.tasks).glob("*.yaml")):
            raise UsageError(f"--tasks {given.tasks}: no YAML in that folder")
        return
    for name in given.tasks.split(","):
        found = fnmatch.filter(index, name)
        if not found and Path(name).is_file():
            _check_file(name)
        elif not found:
            _raise_unknown(name, list(index))
        for task in dict.fromkeys(leaf for one in found for leaf in _leaves(one, index)):
            kind = _kind(task, index)
            if kind in _NOT_ASKED:
                raise UsageError(
                    f"task {task}: is scored by {kind}, and the adapters only generate replies to "
                    "single questions: leave it out"
                )


def _raise_unknown(name: str, known: Sequence[str]) -> None:
    if name.strip() != name or not name:
        raise UsageError("--tasks: write names with commas between them, no blanks and none empty")
    if "*" in name:
        raise UsageError(f"--tasks {name}: meets no task: lmms-eval --tasks list shows them all")
    raise UsageError(f"unknown task {name!r}: {nearest(name, list(known))}")


def _check_file(path: str) -> None:
    try:
        is_task = isinstance(utils.load_yaml_config(path, mode="simple"), dict)
    except Exception as error:
        raise UsageError(f"--tasks {path}: not the YAML of a task ({reason(error)})") from error
    if not is_task:
        raise UsageError(f"--tasks {path}: not the YAML of a task")


def _leaves(name: str, index: Index) -> Iterator[str]:
    entry = index.get(name) or {"type": None}
    if entry["type"] not in ("group", "tag"):
        yield name
        return
    members = entry["task"]
    if members == -1:
        members = utils.load_yaml_config(entry["yaml_path"], mode="simple").get("task") or []
    for member in members:
        if isinstance(member, str) and member != name:
            yield from _leaves(member, index)


def _kind(name: str, index: Index) -> str | None:
    """The output type of a task that is all in its YAML; None if it is not told there."""
    entry = index.get(name)
    if entry is None or entry["type"] != "task" or entry["yaml_path"] == -1:
        return None
    config = utils.load_yaml_config(entry["yaml_path"], mode="simple")
    kind = config.get("output_type")
    return str(kind) if kind else None


def not_loaded(what: str, names: Any, error: Exception) -> UsageError:
    """What to say when the harness cannot load something.

    Args:
        what: ``task``, for instance.
        names: of the task or tasks.
        error: of the harness.
    """
    cause = error.last_attempt.exception() if isinstance(error, RetryError) else error
    found = cause if isinstance(cause, Exception) else error
    said = " ".join(str(found).split()) if isinstance(found, YAMLError) else reason(found)
    shown = ", ".join(map(str, names)) if isinstance(names, list) else str(names)
    return UsageError(f"{what} {shown}: cannot be loaded ({said})")
