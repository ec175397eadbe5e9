"""Questions to calibrate on: a probe's own, drawn from another seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lmms_eval.utils import load_yaml_config
from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.fast_tasks import manager_for
from lmms_bapa.harness.probe_task import SpatialProbe
from lmms_bapa.probes.questions import GENERATOR_VERSION, ProbeSpec, plan
from lmms_bapa.validation import one_line


@dataclass(frozen=True)
class Split:
    """A held-out split of a probe.

    Attributes:
        task: the probe's name.
        name: the name of the split's task.
        evaluation: what the probe asks.
        calibration: what the split asks.
        shared_pictures: drawings that both show; 0, or the split would not be one.
    """

    task: str
    name: str
    evaluation: ProbeSpec
    calibration: ProbeSpec
    shared_pictures: int

    def facts(self) -> dict[str, Any]:
        """What identifies it, for the record."""
        return {
            "task": self.task,
            "generator": GENERATOR_VERSION,
            "evaluation": _facts(self.evaluation),
            "calibration": _facts(self.calibration),
            "pictures_in_both": self.shared_pictures,
        }


def _facts(spec: ProbeSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude_defaults=True) | {
        "seed": spec.seed,
        "groups": spec.groups,
    }


def held_out(
    task: str,
    folder: Path,
    seed: int | None = None,
    groups: int | None = None,
    include: Path | None = None,
) -> Split:
    """Writes the YAML of a probe's held-out split.

    Args:
        task: a spatial probe.
        folder: where the YAML goes.
        seed: of the split; default: the probe's, plus one.
        groups: how many; default: as many as the probe has.
        include: folder of further tasks.

    Raises:
        UsageError: not a spatial probe, or the split would show pictures of the probe itself.
    """
    manager = manager_for([task], include)
    path = manager.task_index[task]["yaml_path"]
    config = load_yaml_config(str(path)) if Path(str(path)).is_file() else {}
    kind = config.get("class")
    if not (isinstance(kind, type) and issubclass(kind, SpatialProbe)):
        raise UsageError(
            f"--task {task}: only spatial probes can be drawn anew for a held-out split: take "
            "spatial_probe_lite, or another one"
        )
    given: Mapping[str, Any] = config.get("dataset_kwargs") or {}
    try:
        evaluation = ProbeSpec(**given)
        changes = {
            "seed": evaluation.seed + 1 if seed is None else seed,
            "groups": groups or evaluation.groups,
        }
        calibration = ProbeSpec(**{**given, **changes})
    except ValidationError as error:
        raise UsageError(f"--task {task}: {one_line(error, ProbeSpec)}") from error
    shared = len(_pictures(evaluation) & _pictures(calibration))
    if shared:
        raise UsageError(
            f"--seed {calibration.seed}: {shared:,} pictures of the split are also in {task}, "
            "which is to stay unseen: take another seed"
        )
    name = f"{task}_calibration"
    content = {
        "include": str(Path(str(path)).resolve()),
        "task": name,
        "dataset_kwargs": {**given, **changes},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return Split(task, name, evaluation, calibration, shared)


def _pictures(spec: ProbeSpec) -> set[tuple[str, int]]:
    """Every drawing of a probe: its caption and the seed that it is drawn from."""
    return {
        picture
        for question in plan(spec)
        for picture in zip(question["tiles"], question["seeds"], strict=True)
    }
