"""What an export is made from: runs of one model, their figures, and what made them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lmms_eval.utils import handle_arg_string

from lmms_bapa.errors import UsageError
from lmms_bapa.export.naming import short_model
from lmms_bapa.harness.options import build_interventions
from lmms_bapa.interventions import Intervention
from lmms_bapa.provenance.manifest import Manifest, read_manifest
from lmms_bapa.results.findings import compare_all, describe
from lmms_bapa.results.folders import OFF, RunFolder, read_runs
from lmms_bapa.statistics.figures import Comparison, TaskFigures
from lmms_bapa.validation import nearest


@dataclass(frozen=True, eq=False)
class Source:
    """The results of one model that are to be exported.

    Attributes:
        path: the folder that was named.
        runs: those that were chosen, the stock model first.
        tasks: those that were chosen, of all runs, in the order of the first run that has them.
        everything: all runs of the folder: what is compared, whatever was chosen.
        seed: of resamples and permutations.
        notes: what the user should know of the export, such as what was left out.
    """

    path: Path
    runs: Sequence[RunFolder]
    tasks: Sequence[str]
    everything: Sequence[RunFolder]
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    _figures: dict[tuple[int, str], TaskFigures] = field(default_factory=dict, repr=False)

    @property
    def model(self) -> str:
        """What was loaded."""
        return self.runs[0].model

    @property
    def model_name(self) -> str:
        """What to call it, with its PEFT adapter: names, not the folders that they are in."""
        adapter = self.runs[0].options.get("peft")
        return short_model(self.model) + (f"+{short_model(adapter)}" if adapter else "")

    def note(self, text: str) -> None:
        """Leaves a line for the user, who gets each once, after the files are written."""
        if text not in self.notes:
            self.notes.append(text)

    def tasks_of(self, run: RunFolder) -> list[str]:
        """The chosen tasks of a run, whether or not it has their samples."""
        return [task for task in run.results["configs"] if task in self.tasks]

    def pairs(self) -> Iterator[tuple[RunFolder, str]]:
        """All chosen tasks of all chosen runs."""
        for run in self.runs:
            for task in self.tasks_of(run):
                yield run, task

    def figures(self, run: RunFolder, task: str) -> TaskFigures:
        """The figures of a run on a task, from its samples.

        Raises:
            UsageError: there are no samples, or they carry no score.
        """
        key = id(run), task
        if key not in self._figures:
            self._figures[key] = describe(run, task, self.seed)
        return self._figures[key]

    @cached_property
    def comparisons(self) -> Mapping[tuple[str, str], Comparison]:
        """(setting, task) -> its comparison with the stock model.

        Holm's correction is over all settings of the folder, also those that were not chosen, and
        the chosen tasks. Empty where there is nothing to compare.

        Raises:
            UsageError: the samples of a task cannot be compared.
        """
        labels: dict[str, set[str]] = {}
        for run in self.everything:
            for task in run.tasks:
                labels.setdefault(task, set()).add(run.label)
        every = {run.label for run in self.everything}
        common = [t for t in self.tasks if labels.get(t) == every]
        if OFF not in every or len(every) < 2 or not common:
            return {}
        found = compare_all(self.everything, self.seed, common)
        return {(c.second, c.task): c for c in found}

    def interventions(self, run: RunFolder) -> tuple[Intervention, ...]:
        """What was in force; nothing for the stock model.

        Raises:
            UsageError: the run has options that this version does not know.
        """
        options = {key: handle_arg_string(value) for key, value in run.settings.items()}
        return tuple(i for i in build_interventions(options) if not i.is_identity)

    def manifest(self, run: RunFolder) -> Manifest | None:
        """What made a run's answers; None for a run that is not of a sweep.

        Raises:
            UsageError: it cannot be read.
        """
        return read_manifest(run.path.parent)


def folder_name(text: str) -> str:
    """A setting or a model as the name of a folder: ``agci_lambda=0.3,bapa=true``."""
    return re.sub(r"[^\w.,=+-]", "_", text)


def open_source(
    path: Path, settings: Sequence[str] = (), tasks: Sequence[str] = (), seed: int = 0
) -> Source:
    """Reads what is to be exported.

    Args:
        path: the folder of a sweep, what ``lmms-eval --output_path`` left, or one results JSON.
        settings: labels such as ``off`` or ``agci_lambda=0.3,bapa=true``; none: all.
        tasks: names of tasks; none: all.
        seed: of resamples and permutations.

    Raises:
        UsageError: there are no results, or no such setting or task.
    """
    everything = read_runs(path)
    labels = list(dict.fromkeys(run.label for run in everything))
    for label in settings:
        if label not in labels:
            raise UsageError(f"--setting {label}: {nearest(label, labels)}")
    runs = [run for run in everything if not settings or run.label in settings]
    _check_one_each(path, runs)
    known = list(dict.fromkeys(task for run in runs for task in run.results["configs"]))
    for task in tasks:
        if task not in known:
            raise UsageError(f"--tasks {task}: {nearest(task, known)}")
    return Source(path, runs, [t for t in known if not tasks or t in tasks], everything, seed)


def _check_one_each(path: Path, runs: Sequence[RunFolder]) -> None:
    """Refuses what cannot be told apart, or would not be in names of files.

    Raises:
        UsageError: a setting has a task twice, with samples or without, or has another's name.
    """
    names: dict[str, str] = {}
    found: dict[tuple[str, str], RunFolder] = {}
    for run in runs:
        name = folder_name(run.label)
        other = names.setdefault(name, run.label)
        if other != run.label:
            raise UsageError(
                f"settings {other} and {run.label} would both be {name} in names of files: choose "
                "one with --setting"
            )
        for task in run.results["configs"]:
            first = found.setdefault((run.label, task), run)
            if first is not run:
                files = [r.results_file.relative_to(path) for r in (first, run)]
                raise UsageError(
                    f"{path}: {run.label} has {task} twice, in {files[0]} and {files[1]}: name one "
                    "of the two files"
                )
