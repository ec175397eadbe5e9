"""Chooses a setting on a held-out split of a probe."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lmms_bapa.calibration import file as calibration_file
from lmms_bapa.calibration.choice import Candidate, Objective, choose, judge
from lmms_bapa.calibration.split import Split, held_out
from lmms_bapa.harness.preset import Preset
from lmms_bapa.results.folders import read_run
from lmms_bapa.results.scores import read_scores
from lmms_bapa.sweep.config import SweepConfig
from lmms_bapa.sweep.folder import SweepFolder
from lmms_bapa.sweep.plan import make_plan
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep


@dataclass(frozen=True)
class Calibration:
    """What was chosen, and from what.

    Attributes:
        choice: the chosen setting.
        candidates: all of them, the stock model first.
        preset: the adapter with the chosen setting and its evidence.
        split: what was asked.
    """

    choice: Candidate
    candidates: list[Candidate]
    preset: Preset
    split: Split


def calibrate(
    config: SweepConfig,
    objective: Objective,
    progress: SweepProgress,
    *,
    seed: int | None = None,
    groups: int | None = None,
    runs: Path | None = None,
) -> Calibration:
    """Asks every setting of a grid the questions of a held-out split, and chooses one.

    Args:
        config: model, grid and batch size; its one task is the probe that stays unseen.
        objective: what is looked for.
        progress: what is shown.
        seed: of the split, see :func:`held_out`.
        groups: of the split.
        runs: folder for the runs, where an interrupted calibration goes on; None keeps nothing.

    Raises:
        UsageError: anything that is the user's to mend.
    """
    plan = make_plan(config)
    with _folder(runs) as place:
        include = None if config.include_path is None else Path(config.include_path)
        split = held_out(config.tasks[0], place / "split", seed, groups, include)
        asked = config.model_copy(
            update={"tasks": [split.name], "include_path": str(place / "split")}
        )
        sweep(asked, place / "sweep", progress)
        folder = SweepFolder(place / "sweep")
        labels = [setting.label for setting in plan.settings]
        scores = [
            read_scores(read_run(folder.place(setting)), split.name) for setting in plan.settings
        ]
    candidates = judge(labels, scores, objective)
    choice = choose(candidates)
    chosen = plan.settings[labels.index(choice.label)].options
    preset = calibration_file.compose(
        plan.preset, plan.loading, chosen, choice, candidates, objective, split
    )
    return Calibration(choice, candidates, preset, split)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
