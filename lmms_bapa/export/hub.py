"""What files for the model hub need to know of a run: data set, value, circumstances."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmms_bapa import __version__
from lmms_bapa.errors import UsageError
from lmms_bapa.export.eee.public import public
from lmms_bapa.export.source import Source
from lmms_bapa.metrics.placements import is_number
from lmms_bapa.resources import folder
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.shift.spec import ORIGINAL, is_shifted

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SHA = re.compile(r"[0-9a-f]{40}")
# Of model_args: what makes another model of a checkpoint.
_OTHER_WEIGHTS = ("peft", "load_in_8bit", "load_in_4bit", "quantization", "revision")


@dataclass(frozen=True)
class Value:
    """What the harness says of a task.

    Attributes:
        metric: its name, and the filter if that is not ``none``.
        value: as the harness gave it, whether that is a percentage or a share.
    """

    metric: str
    value: float


@dataclass(frozen=True)
class DataSet:
    """The data set of the hub that a task is about.

    Attributes:
        id: ``owner/name``.
        config: its configuration, as the task's YAML has it.
        revision: a commit, if the YAML has one.
    """

    id: str
    config: str | None = None
    revision: str | None = None


def config_of(run: RunFolder, task: str) -> Mapping[str, Any]:
    """The configuration of a task, as the harness recorded it."""
    config: Mapping[str, Any] = run.results["configs"][task]
    return config


def data_set(run: RunFolder, task: str) -> DataSet | None:
    """The data set of the hub; None for a task that has none, or is our own."""
    config = config_of(run, task)
    path = str(config.get("dataset_path") or "")
    is_own = any(f.stem == task for f in folder("tasks").rglob("*.yaml"))
    if not _HUB_ID.fullmatch(path) or (is_own and not is_shifted(config)):
        return None
    options = config.get("dataset_kwargs")
    revision = str((options if isinstance(options, Mapping) else {}).get("revision") or "")
    name = config.get("dataset_name")
    return DataSet(
        path, None if name is None else str(name), revision if _SHA.fullmatch(revision) else None
    )


def check_whole(run: RunFolder, task: str) -> None:
    """Refuses what is a part of a benchmark only.

    Raises:
        UsageError: not all documents were asked.
    """
    counts = (run.results.get("n-samples") or {}).get(task) or {}
    asked, there = counts.get("effective"), counts.get("original")
    if asked is not None and there is not None and int(asked) < int(there):
        raise UsageError(
            f"{task}: {asked} of {there} questions were asked, which is not the benchmark's value: "
            "run it without --limit, or leave it out with --tasks"
        )
    metadata = config_of(run, task).get("metadata")
    shift = metadata.get("shift") if isinstance(metadata, Mapping) else None
    if isinstance(shift, Mapping) and shift.get("documents") is not None:
        raise UsageError(
            f"{task}: shows {shift['documents']} documents of its benchmark, so none of its values "
            "is the benchmark's: leave it out with --tasks"
        )


def main_value(run: RunFolder, task: str, wanted: str | None = None) -> Value:
    """The value that stands for a task.

    Args:
        run: the run.
        task: one of its tasks.
        wanted: a metric, with ``,filter`` behind it or the first filter's; default: the task's
            first. Of a shifted task only what the unshifted pictures gave is
            the benchmark's.

    Raises:
        UsageError: there is no such number, or it is of shifted pictures.
    """
    found = _values(run, task)
    why = ""
    if is_shifted(config_of(run, task)):
        found = {k: v for k, v in found.items() if k.split(",")[0].endswith(f"_{ORIGINAL}")}
        why = " (of a shifted task, only that of the unshifted pictures)"
    known = ", ".join(key.removesuffix(",none") for key in found) or "none"
    fits = [key for key in found if wanted is None or wanted in (key, key.split(",")[0])]
    if not fits:
        raise UsageError(f"{task}: no metric {wanted or 'to file'}; there is {known}{why}")
    metric, value = fits[0].removesuffix(",none"), found[fits[0]]
    if not is_number(value) or not math.isfinite(value):
        raise UsageError(
            f"{task}: {metric} is {value!r}, which is no number to file: name another one with "
            f"metric=..., or leave the task out with --tasks; there is {known}{why}"
        )
    return Value(metric, float(value))


def _values(run: RunFolder, task: str) -> dict[str, Any]:
    """``metric,filter`` -> what the harness has, the task's metrics in their order."""
    results: Mapping[str, Any] = (run.results.get("results") or {}).get(task) or {}
    metrics = list((run.results.get("higher_is_better") or {}).get(task) or {})
    return {
        key: value
        for metric in metrics
        for key, value in results.items()
        if key.split(",")[0] == metric
    }


def circumstances(source: Source, run: RunFolder) -> list[str]:
    """What else the value depends on, in a few words each."""
    options = run.options
    named = (k for k in _OTHER_WEIGHTS if options.get(k) not in (None, "false"))
    told = [public(f"{k}={options[k]}") for k in named]
    config = run.results.get("config") or {}
    if config.get("gen_kwargs"):
        told.append(f"gen_kwargs={config['gen_kwargs']}")
    manifest = source.manifest(run)
    versions = {} if manifest is None else manifest.versions
    names = ("lmms-eval", "lmms-bapa", "transformers", "vllm")
    told += [f"{name} {versions[name]}" for name in names if versions.get(name)]
    return [*told, f"exported by lmms-bapa {__version__}"]
