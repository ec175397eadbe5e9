"""Reads what runs left: results in the harness's layout, alone or as the settings of a sweep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from lmms_eval.utils import handle_arg_string

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.backends import checkpoint_option
from lmms_bapa.harness.options import build_interventions, option_names
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import OWN_CONFIGS, preset_names, preset_path
from lmms_bapa.interventions import REGISTRY
from lmms_bapa.json_text import parse_json

SWEEP, MANIFEST, JOURNAL = "sweep.yaml", "manifest.json", "answers.jsonl"
OFF = "off"
_ENDING = "results.json"
# Scorers write files of their own that end the same way; the harness's have a date in front.
_DATED = re.compile(r"\d{8}_\d{6}_results\.json")
_OURS = f"{preset_path.__module__}."  # where adapters of ours say that they are from
_LOG_SAMPLES = "run lmms-eval again with --log_samples --output_path DIR"


@dataclass(frozen=True, eq=False)
class RunFolder:
    """One run: one results JSON of the harness, with the sample logs beside it.

    Attributes:
        results_file: the results JSON.
        results: what it says.
    """

    results_file: Path
    results: dict[str, Any]

    @property
    def path(self) -> Path:
        """Folder of the results JSON."""
        return self.results_file.parent

    @property
    def options(self) -> dict[str, str]:
        """The run's ``model_args`` as texts, on top of its adapter's defaults."""
        config = self.results.get("config", {})
        given = config.get("model_args") or {}
        if not isinstance(given, Mapping):
            pairs = (part.partition("=") for part in str(given).split(",") if part)
            given = {key.strip(): value.strip() for key, _, value in pairs}
        self._check_adapter(str(config.get("model")), str(config.get("model_backend")))
        merged = {**_defaults(str(config.get("model"))), **given}
        return {str(key): _text(value) for key, value in merged.items()}

    def _check_adapter(self, name: str, backend: str) -> None:
        """Refuses an adapter of the user's own that is out of sight: its settings would be, too.

        Raises:
            UsageError: see above.
        """
        if backend.startswith(_OURS) and name not in preset_names():
            raise UsageError(
                f"{self.results_file}: made with the adapter {name}, which is not found: set "
                f"{OWN_CONFIGS} to the folder of {name}.yaml"
            )

    @property
    def settings(self) -> dict[str, str]:
        """The options of those interventions that change the model, sorted; {} is the stock model.

        ``bapa=false`` and ``agci_lambda=0`` are the stock model, too, and are left out.
        """
        return active_settings(self.options)

    @property
    def label(self) -> str:
        """``off``, or the settings: ``agci_lambda=0.3,bapa=true``."""
        return ",".join(f"{key}={value}" for key, value in self.settings.items()) or OFF

    @property
    def model(self) -> str:
        """What was loaded: ``pretrained``, ``model``, or the adapter if it takes neither."""
        key = _checkpoint_option(str(self.results.get("config", {}).get("model")))
        name = self.options.get(key) or self.results.get("model_name")
        return str(name or self.results.get("config", {}).get("model", ""))

    @property
    def tasks(self) -> list[str]:
        """Tasks that have a sample log."""
        return [task for task in self.results["configs"] if self.log(task).is_file()]

    def log(self, task: str) -> Path:
        """Where the samples of a task are, if they were logged."""
        stem = self.results_file.name.removesuffix(_ENDING)
        return self.results_file.with_name(f"{stem}samples_{task}.jsonl")

    def samples(self, task: str) -> list[dict[str, Any]]:
        """The lines of a task's sample log, one per document.

        Where a task reads the replies through several filters the first is taken.

        Raises:
            UsageError: there is no log, it is cut off, or holds more than one run.
        """
        log = self.log(task)
        if task not in self.results["configs"]:
            known = ", ".join(self.results["configs"])
            raise UsageError(f"{self.results_file}: has no task {task}; it has {known}")
        if not log.is_file():
            raise UsageError(f"{self.results_file}: no samples of {task}: {_LOG_SAMPLES}")
        samples = _read_lines(log)
        filters = len(self.results["configs"][task].get("filter_list") or [None])
        kept: dict[Any, dict[str, Any]] = {}
        for sample in samples:
            kept.setdefault(sample["doc_id"], sample)
        if len(samples) != len(kept) * filters:
            raise UsageError(
                f"{log}: has documents twice, so it holds more than one run: run again with an "
                "output folder of its own"
            )
        expected = (self.results.get("n-samples") or {}).get(task, {}).get("effective")
        if expected is not None and len(kept) < int(expected):
            raise UsageError(
                f"{log}: cut off, {len(kept)} of {int(expected)} documents: run it again"
            )
        return list(kept.values())


def active_settings(options: Mapping[str, str]) -> dict[str, str]:
    """Those of ``model_args``, as texts, that belong to an intervention in force; sorted."""
    names = {method: {method, *option_names(kind)} for method, kind in REGISTRY.items()}
    own = {method: {k: options[k] for k in options if k in names[method]} for method in names}
    found: dict[str, str] = {}
    for given in own.values():
        try:
            built = build_interventions({k: handle_arg_string(v) for k, v in given.items()})
        except UsageError:  # of another version: what was asked for is still what tells runs apart
            found |= given
            continue
        if any(not method.is_identity for method in built):
            found |= given
    return dict(sorted(found.items()))


def read_run(path: Path) -> RunFolder:
    """Reads the one run that is under a path: a results JSON, or a folder.

    Raises:
        UsageError: there is none, or more than one.
    """
    runs = _find(path)
    if len(runs) > 1:
        shown = ", ".join(sorted(str(run.results_file.relative_to(path)) for run in runs)[:4])
        more = f" and {len(runs) - 4} more" if len(runs) > 4 else ""
        raise UsageError(f"{path}: {len(runs)} runs, name one of them: {shown}{more}")
    return runs[0]


def read_runs(path: Path) -> list[RunFolder]:
    """Reads all finished runs of a sweep, the stock model first, or those of a plain folder.

    Raises:
        UsageError: there is none, they are of several models, or two have the same setting.
    """
    runs = sorted(_find(path), key=lambda run: (run.label != OFF, _natural(run.label)))
    models = sorted({run.model for run in runs})
    if len(models) > 1:
        raise UsageError(f"{path}: runs of several models ({', '.join(models)}): name one's folder")
    labels = [run.label for run in runs]
    for one, other in pairwise(runs):
        if one.label == other.label and set(one.tasks) & set(other.tasks):
            raise UsageError(
                f"{path}: setting {one.label} is there {labels.count(one.label)} times, as "
                f"{one.results_file.relative_to(path)} and {other.results_file.relative_to(path)}: "
                "move one away"
            )
    return runs


def unfinished(path: Path) -> list[str]:
    """Settings of a sweep that were begun, or are yet to be finished."""
    if not path.is_dir():
        return []
    begun = (child for child in path.iterdir() if (child / JOURNAL).is_file())
    return sorted(child.name for child in begun if not (child / MANIFEST).is_file())


def _find(path: Path) -> list[RunFolder]:
    if path.is_file():
        run = _parse(path, must=True)
        return [run] if run else []
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or folder")
    if (path / SWEEP).is_file():
        children = sorted(child for child in path.iterdir() if (child / MANIFEST).is_file())
        # A sweep may hold the folder of a later one, such as its reproduction.
        settings = [child for child in children if not (child / SWEEP).is_file()]
        found = [_parse_all(child.rglob(f"*{_ENDING}"))[-1:] for child in settings]
        if not any(found):
            raise UsageError(f"{path}: no finished setting: run the same sweep command again")
        return [run for runs in found for run in runs]
    runs = _parse_all(path.rglob(f"*{_ENDING}"))
    if not runs:
        logs = any(path.rglob("*_samples_*.jsonl"))
        what = "sample logs, but not the results JSON beside them" if logs else "no results in it"
        raise UsageError(f"{path}: {what}: run lmms-eval with --output_path DIR --log_samples")
    return runs


def _parse_all(paths: Iterable[Path]) -> list[RunFolder]:
    """Runs among some files, the oldest first."""
    found = (_parse(p, must=False) for p in sorted(paths, key=lambda p: (p.name, str(p))))
    return [run for run in found if run is not None]


def _parse(path: Path, must: bool) -> RunFolder | None:
    must = must or bool(_DATED.fullmatch(path.name))
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        if must:
            raise UsageError(
                f"{path}: not a results JSON of lmms-eval, or cut off ({error}): give a folder "
                "that --output_path made, or the results JSON in it"
            ) from error
        return None
    lacking = _lacking(content)
    if lacking is None:
        return RunFolder(path, content)
    if must:
        raise UsageError(f"{path}: JSON, but not the results of lmms-eval: {lacking}")
    return None


def _lacking(content: Any) -> str | None:
    """What results of the harness have and a JSON has not; None if it has all."""
    if not isinstance(content, dict):
        return "it is no object"
    for key in ("configs", "results"):
        if not isinstance(content.get(key), dict):
            return f"it has no {key}"
        if not all(isinstance(value, dict) for value in content[key].values()):
            return f"its {key} are no objects"
    if not isinstance(content.get("config", {}), dict):
        return "its config is no object"
    return None


def _read_lines(log: Path) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = []
    try:
        with log.open(encoding="utf-8") as lines:
            for line in lines:
                sample = parse_json(line)
                if "doc_id" not in sample:
                    raise ValueError("another kind of line")
                samples.append(sample)
    except OSError as error:
        raise UsageError(f"{log}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{log}: line {len(samples) + 1} is not a sample, or cut off: run it again"
        ) from error
    if not samples:
        raise UsageError(f"{log}: no samples in it: run it again")
    return samples


@cache
def _defaults(adapter: str) -> Mapping[str, Any]:
    """What the YAML of an adapter sets; one may have an intervention among it."""
    return load_preset(preset_path(adapter)).model_args if adapter in preset_names() else {}


@cache
def _checkpoint_option(adapter: str) -> str:
    return checkpoint_option(adapter)


def _text(value: Any) -> str:
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Sorts ``0.1, 0.3, 1`` as numbers and the rest as words."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(0, float(p), "") if i % 2 else (1, 0.0, p) for i, p in enumerate(parts)]
