"""Writes the YAML of a shifted task: four lines for a task, one file each for a group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lmms_eval import utils
from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.base_tasks import base_config, check_shiftable
from lmms_bapa.harness.discovery import task_index
from lmms_bapa.places import check_place, try_place
from lmms_bapa.shift.layouts import LAYOUTS
from lmms_bapa.shift.sheet import layout_sheet
from lmms_bapa.shift.spec import ShiftSpec, read_spec
from lmms_bapa.validation import nearest, reason
from lmms_bapa.yaml_text import parse_yaml

_TASK = """task: {name}
class: !function lmms_bapa.harness.shift_task.ShiftedTask
base: {base}
shift: {shift}
"""


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        name: the task or group to give to ``lmms-eval --tasks``.
        files: the YAMLs.
        left_out: tasks of a group that cannot be shifted, and averages that cannot be taken, with
            the reason.
    """

    name: str
    files: list[Path]
    left_out: dict[str, str]


def read_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Reads ``layout=grid rows=5`` and so on, values as in YAML.

    Raises:
        UsageError: a setting without a value, given twice, unknown, or out of range.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not value:
            raise UsageError(f"{setting!r}: write settings as name=value, such as rows=5")
        if key in found:
            raise UsageError(f"{key} is given twice: which value is meant?")
        try:
            found[key] = parse_yaml(value)
        except UsageError as error:
            raise UsageError(
                f"{setting!r}: not a value: write numbers, words or lists, as [0.5,1]"
            ) from error
    read_spec(found)
    return found


def write_shifted(
    base: str,
    settings: Mapping[str, Any],
    folder: Path,
    suffix: str,
    include: Path | None = None,
) -> Written:
    """Writes the YAML of a shifted task, or those of a group and its tasks.

    Args:
        base: a task or group of the harness.
        settings: what stands under ``shift:``.
        folder: where to; made if it is not there.
        suffix: what is added to the names.
        include: a folder of further tasks.

    Raises:
        UsageError: there is no such folder, the task cannot be shifted, its new name is taken, or
            a file is there already.
    """
    if include is not None and not include.is_dir():
        raise UsageError(f"--include_path {include}: no such folder")
    if not re.fullmatch(r"[\w.-]*", suffix):
        raise UsageError(f"--suffix {suffix}: use letters, digits, _ and - only")
    check_place(folder)
    index, spec = task_index(include), read_spec(settings)
    if base not in index:
        raise UsageError(f"unknown task {base!r}: {nearest(base, list(index))}")
    is_group = index[base]["type"] in ("group", "tag")
    left_out: dict[str, str] = {}
    if is_group:
        leaves = list(dict.fromkeys(_leaves(base, index)))
        left_out = {leaf: why for leaf in leaves if (why := _reason(leaf, spec)) is not None}
        leaves = [leaf for leaf in leaves if leaf not in left_out]
        if not leaves:
            raise UsageError(f"no task of {base} can be shifted: {next(iter(left_out.values()))}")
    else:
        leaves = [base]
        check_shiftable(base, base_config(base), spec.judge)
    shown = dict(settings) or {"layout": spec.layout.name}
    shift = yaml.safe_dump(shown, default_flow_style=True, sort_keys=False).strip()
    texts = {
        f"{leaf}{suffix}": _TASK.format(name=f"{leaf}{suffix}", base=leaf, shift=shift)
        for leaf in leaves
    }
    if is_group:
        averaged = _group_config(base, index).get("aggregate_metric_list") or []
        own = [entry for entry in averaged if not isinstance(entry.get("aggregation", ""), str)]
        why = f"{base} computes it by a function of its own"
        left_out |= {f"the average of {entry['metric']}": why for entry in own}
        averaged = [entry for entry in averaged if entry not in own]
        texts[f"{base}{suffix}"] = _group(list(texts), averaged, f"{base}{suffix}")
    for name in texts:
        if name in index:
            raise UsageError(f"{name} exists already: run it, or give another --suffix")
    return Written(f"{base}{suffix}", _save(texts, folder), left_out)


def _reason(task: str, spec: ShiftSpec) -> str | None:
    try:
        check_shiftable(task, base_config(task), spec.judge)
    except UsageError as error:
        return str(error)
    return None


def _group_config(name: str, index: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    path = index[name]["yaml_path"]
    config: dict[str, Any] = {} if path == -1 else utils.load_yaml_config(path, mode="simple")
    return config


def _leaves(name: str, index: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The tasks of a group or tag, and of those in it."""
    entry = index[name]
    if entry["type"] not in ("group", "tag"):
        yield name
        return
    members = entry["task"] if entry["task"] != -1 else _group_config(name, index)["task"]
    for member in members:
        if not isinstance(member, str):
            raise UsageError(f"{name} writes {member.get('task')} out in its own YAML: shift the "
                             "tasks of this group one by one")  # fmt: skip
        if member not in index:
            raise UsageError(f"{name} names a task that there is not, {member}: shift the tasks "
                             "of this group one by one")  # fmt: skip
        yield from _leaves(member, index)


def _group(names: list[str], averaged: Sequence[Mapping[str, Any]], name: str) -> str:
    """The YAML of a group, which averages what the base group averages."""
    config: dict[str, Any] = {"group": name, "task": names}
    if averaged:
        config["aggregate_metric_list"] = [
            {**entry, "metric": f"{entry['metric']}_{kind}"}
            for entry in averaged
            for kind in ("original", "mean")
        ]
    return yaml.safe_dump(config, sort_keys=False)


def _save(texts: Mapping[str, str], folder: Path) -> list[Path]:
    files = {folder / f"{name}.yaml": text for name, text in texts.items()}
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already: move it, or give another --output")
    try_place(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error
    return list(files)


def draw_layouts(settings: Sequence[str], picture: Path | None, output: Path) -> None:
    """Saves a sheet of the places of one layout, or of all layouts with their defaults.

    Raises:
        UsageError: wrong settings, a picture that cannot be read, or nowhere to write to.
    """
    chosen = [read_settings(settings)] if settings else [{"layout": name} for name in LAYOUTS]
    shown = None
    if picture is not None:
        try:
            shown = Image.open(picture).convert("RGB")
        except OSError as error:
            raise UsageError(f"--picture {picture} cannot be read: {reason(error)}") from error
    sheet = layout_sheet([read_spec(options) for options in chosen], shown)
    try:
        sheet.save(output)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {output}: {error}") from error
