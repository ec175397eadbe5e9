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
from lmms_eval.api.reasoning import parse_reasoning_tags_config
from tenacity import RetryError
from yaml import YAMLError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import check_model_arguments, parse_arguments
from lmms_bapa.harness.backends import require_backend
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_names, preset_path
from lmms_bapa.places import try_place
from lmms_bapa.validation import nearest, reason

Index = Mapping[str, Mapping[str, Any]]
_LISTS = ("list", "list_groups", "list_tags", "list_subtasks")
_NOT_ASKED = (
    *("loglikelihood", "multiple_choice", "generate_until_multi_round"),
    "generate_visual_cot",
)
_READ = {
    *("model", "model_args", "tasks", "batch_size", "device", "gen_kwargs", "include_path"),
    *("limit", "offset", "num_fewshot", "system_instruction", "reasoning_tags", "verbosity"),
    *("log_samples", "predict_only", "output_path"),
}


def typed() -> list[Namespace]:
    """The options of the harness's command that called us, if it is one with an adapter of ours.

    Returns:
        Those of this evaluation, then those of the others that its ``--config`` asks for with
        adapters of ours. None at all if there is nothing that looks like them.
    """
    found: list[Any] = []
    for frame, _ in traceback.walk_stack(None):
        name = getattr(frame.f_globals.get("__spec__"), "name", "")
        if name == "lmms_eval.__main__" and frame.f_code.co_name == "cli_evaluate_single":
            found = [frame.f_locals.get("args")]
        elif name == "lmms_eval.__main__" and frame.f_code.co_name == "cli_evaluate" and found:
            listed = frame.f_locals.get("args_list") or []
            found += [given for given in listed if given is not found[0]]
    return [given for given in found if _is_ours(given)] if _is_ours(*found[:1]) else []


def _is_ours(given: Any = None) -> bool:
    is_known = isinstance(given, Namespace) and vars(given).keys() >= _READ
    return is_known and given.model in preset_names()


def check_options(given: Namespace) -> None:
    """Checks all that needs neither tasks nor model.

    Raises:
        UsageError: with the first mistake.
    """
    for name in ("tasks", "model_args", "gen_kwargs"):
        if not isinstance(getattr(given, name), str | None):
            raise UsageError(f"{name} in --config: should be text, as behind --{name}")
    if not given.tasks:
        raise UsageError("--tasks is missing: add --tasks spatial_probe_lite")
    if given.tasks in _LISTS:
        return
    preset = load_preset(preset_path(given.model))
    own = {"batch_size": given.batch_size, "device": given.device}
    check_model_arguments(given.model_args or "", preset, own)
    check_generation(given.gen_kwargs or "", preset.backend)
    _check_numbers(given)
    _check_texts(given)
    for folder in [given.include_path] if isinstance(given.include_path, str) else []:
        if not Path(folder).is_dir():
            raise UsageError(f"--include_path {folder}: no such folder")
    if (given.log_samples or given.predict_only) and not given.output_path:
        raise UsageError("--log_samples has no effect without --output_path: add --output_path DIR")
    if given.output_path:
        _check_output(str(given.output_path))
    require_backend(preset)


def _check_numbers(given: Namespace) -> None:
    limit, offset = given.limit, given.offset
    if limit is not None and limit != -1 and not 0 < limit < math.inf:
        raise UsageError(
            f"--limit {limit:g}: should be a number of questions, or a share of them below 1"
        )
    if offset < 0:
        raise UsageError(f"--offset {offset}: should be 0 or more")


def _check_texts(given: Namespace) -> None:
    if given.system_instruction:
        raise UsageError(
            "--system_instruction: the harness does not hand it to chat adapters: write it into "
            "a chat template, chat_template=FILE in --model_args"
        )
    try:
        parse_reasoning_tags_config(given.reasoning_tags)
    except ValueError as error:  # the harness would say so after the last answer
        raise UsageError(f"--reasoning_tags {given.reasoning_tags}: not JSON") from error


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
        # Of the signs of a pattern, the harness lets the star alone pass.
        found = fnmatch.filter(index, name) if "*" in name else [name] * (name in index)
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


def check_loaded(given: Namespace, loaded: Mapping[Any, Any]) -> None:
    """Checks what only the tasks themselves tell.

    Args:
        given: the options of the harness's command.
        loaded: tasks by name, those of a group in a mapping of their own.

    Raises:
        UsageError: an option that has no effect on a task, or leaves nothing of it.
    """
    for name, task in loaded.items():
        if isinstance(task, Mapping):
            check_loaded(given, task)
            continue
        config = task.config
        if given.num_fewshot and (config.doc_to_visual or config.doc_to_messages):
            raise UsageError(
                f"--num_fewshot {given.num_fewshot}: the harness shows chat adapters no examples "
                f"of a task with pictures, such as {name}: leave it out"
            )
        if given.offset and given.offset >= len(task.eval_docs):
            raise UsageError(f"--offset {given.offset}: {name} has {len(task.eval_docs)} questions")


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
