"""Finds the task that another task is made from, and says why one cannot be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lmms_eval import utils
from lmms_eval.api.task import TaskConfig
from lmms_eval.models import get_model_manifest, list_available_models

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.discovery import task_index
from lmms_bapa.harness.judges import asks_a_judge
from lmms_bapa.harness.unshiftable import reason_not_to_shift
from lmms_bapa.validation import nearest, reason

# Belongs to the base task's own name and place, not to what is made from it.
_NOT_INHERITED = ("tag", "group", "group_alias", "task_alias")


def base_config(name: str) -> dict[str, Any]:
    """The complete configuration of a task of the harness, functions loaded.

    Raises:
        UsageError: there is no such task, or it is a group or a Python class.
    """
    index = task_index()
    entry = index.get(name)
    if entry is None:
        raise UsageError(f"unknown base task {name!r}: {nearest(name, list(index))}")
    if entry["type"] in ("group", "tag"):
        raise UsageError(
            f"{name} is a group of tasks: give the name of one, or let `lmms-bapa shift {name}` "
            "write a group"
        )
    if entry["type"] == "python_task":
        raise UsageError(f"{name} is a Python class with rules of its own: only YAML tasks shift")
    try:
        config: dict[str, Any] = utils.load_yaml_config(entry["yaml_path"], mode="full")
    except Exception as error:  # a task's own code runs here, and may want a key or a package
        raise UsageError(f"the harness cannot load {name}: {reason(error)}") from error
    return {key: value for key, value in config.items() if key not in _NOT_INHERITED}


def check_keys(settings: Mapping[str, Any]) -> None:
    """Refuses keys of a YAML that the harness does not know.

    Raises:
        UsageError: with the nearest key that there is.
    """
    known = [field.name for field in dataclasses.fields(TaskConfig)]
    for key in settings:
        if key not in known:
            raise UsageError(
                f"{key!r} is no key of a task: {nearest(str(key), ['base', 'shift', *known])}"
            )


def check_adapter(name: str | None) -> None:
    """Refuses adapters that cannot be asked in messages, which is how a task class asks.

    Args:
        name: the ``--model``, if it is known.

    Raises:
        UsageError: it is one of the harness's simple adapters.
    """
    if name is None or name not in list_available_models(include_aliases=True):
        return
    if get_model_manifest(name).chat_class_path is None:
        raise UsageError(f"--model {name} is a simple adapter: take one for chat, such as hf_bapa")


def check_shiftable(name: str, config: Mapping[str, Any], judge: bool) -> None:
    """Refuses what would be scored wrongly, or cannot be shown elsewhere, before any download.

    Args:
        name: name of the base task.
        config: its configuration.
        judge: whether its scorer may ask a paid model.

    Raises:
        UsageError: with the reason.
    """
    kind = config.get("output_type", "generate_until")
    if kind != "generate_until":
        raise UsageError(
            f"{name} cannot be shifted: its output_type is {kind}, only generate_until tasks can"
        )
    if (config.get("dataset_kwargs") or {}).get("video"):
        raise UsageError(f"{name} cannot be shifted: it shows videos, only still pictures can")
    if config.get("doc_to_visual") is None and config.get("doc_to_messages") is None:
        raise UsageError(f"{name} cannot be shifted: it shows no pictures")
    why_not = reason_not_to_shift(name, config)
    if why_not is not None:
        raise UsageError(f"{name} cannot be shifted: {why_not}")
    if not judge and asks_a_judge(config):
        raise UsageError(
            f"the scorer of {name} asks a paid model: take a task without, or allow it with "
            "judge: true under shift:"
        )
