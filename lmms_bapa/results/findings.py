"""What runs show: figures of one setting, and comparisons on the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.results.comparison import compare_scores
from lmms_bapa.results.folders import OFF, RunFolder
from lmms_bapa.results.scores import NoScoreError, read_scores
from lmms_bapa.results.task_figures import Tables, figures_of
from lmms_bapa.statistics.figures import Comparison, TaskFigures
from lmms_bapa.statistics.paired import holm


def describe(run: RunFolder, task: str, seed: int = 0) -> TaskFigures:
    """The figures of one run on one task.

    Args:
        run: the run.
        task: one of its tasks.
        seed: of resamples and permutations.

    Raises:
        UsageError: the samples cannot be read, or carry no score.
    """
    return figures_of(read_scores(run, task), seed)


def compare(
    first: RunFolder, second: RunFolder, tasks: Sequence[str] | None = None, seed: int = 0
) -> list[Comparison]:
    """Two runs on the same questions, task by task; Holm's correction over all that is returned.

    Args:
        first: the baseline.
        second: the other run; differences are this one minus the first.
        tasks: names of tasks; None: all that both have, with scores.
        seed: of resamples and permutations.

    Raises:
        UsageError: they are one and the same, have no task in common, or were asked different
            questions.
    """
    if first.results_file.resolve() == second.results_file.resolve():
        raise UsageError(f"{first.results_file}: the same run twice: name another one")
    chosen = _chosen(tasks) or _common_tasks([[first], [second]])
    labels = _labels(first, second)
    return corrected([_compare(first, second, task, labels, {}, seed) for task in chosen])


def compare_all(
    runs: Sequence[RunFolder], seed: int = 0, tasks: Sequence[str] | None = None
) -> list[Comparison]:
    """Each setting against the stock model; Holm's correction over all settings and tasks.

    A setting may have its tasks in several runs.

    Args:
        runs: of one model, the stock one among them.
        seed: of resamples and permutations.
        tasks: names of tasks; None: all that all settings have, with scores.

    Raises:
        UsageError: no stock model or no other setting among them, or as for :func:`compare`.
    """
    settings: dict[str, list[RunFolder]] = {}
    for run in runs:
        settings.setdefault(run.label, []).append(run)
    if OFF not in settings or len(settings) < 2:
        there = ", ".join(settings) or "nothing"
        what = "setting beside the stock model" if OFF in settings else "stock model (off)"
        raise UsageError(f"no {what} to compare with; there is: {there}: run that one, too")
    known: dict[tuple[int, str], Tables] = {}
    found = []
    for task in _chosen(tasks) or _common_tasks(list(settings.values())):
        stock = _having(task, settings[OFF])
        for label in settings:
            if label == OFF:
                continue
            run = _having(task, settings[label])
            found.append(_compare(stock, run, task, (OFF, label), known, seed))
            known.pop((id(run), task), None)
        known.clear()
    return corrected(found)


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's correction over all of them: one family each for the scores and the spreads."""
    ps = holm([c.p for c in comparisons])
    groups = holm([c.p_groups for c in comparisons])
    spreads = holm([c.std_p for c in comparisons])
    return [
        replace(c, p_holm=p, p_groups_holm=g, std_p_holm=s)
        for c, p, g, s in zip(comparisons, ps, groups, spreads, strict=True)
    ]


def _chosen(tasks: Sequence[str] | None) -> list[str]:
    """Each once: a comparison made twice would count twice in Holm's correction."""
    return list(dict.fromkeys(tasks or ()))


def _common_tasks(settings: Sequence[Sequence[RunFolder]]) -> list[str]:
    """Tasks whose scores all settings have, in the order of the first.

    Raises:
        UsageError: there is none.
    """
    for run in (run for runs in settings for run in runs):
        if not run.tasks:
            run.samples(next(iter(run.results["configs"]), ""))  # says what is missing
    there = [list(dict.fromkeys(task for run in runs for task in run.tasks)) for runs in settings]
    shared = [task for task in there[0] if all(task in tasks for tasks in there)]
    if not shared:
        told = "; ".join(f"{settings[i][0].path}: {', '.join(there[i])}" for i in (0, -1))
        raise UsageError(f"no task in common ({told}): run the same --tasks")
    reasons = {task: _unscored(task, _having(task, settings[0])) for task in shared}
    scored = [task for task in shared if reasons[task] is None]
    if not scored:
        raise next(reason for reason in reasons.values() if reason is not None)
    return scored


def _unscored(task: str, run: RunFolder) -> NoScoreError | None:
    """Why a task cannot be compared whose answers somebody else has to score."""
    try:
        read_scores(run, task)
    except NoScoreError as error:
        return error
    return None


def _having(task: str, runs: Sequence[RunFolder]) -> RunFolder:
    """The run with a task's samples; if there is none, the first says so."""
    return next((run for run in runs if task in run.tasks), runs[0])


def _labels(first: RunFolder, second: RunFolder) -> tuple[str, str]:
    """Names that tell two runs apart."""
    if first.model != second.model:
        return f"{first.model}: {first.label}", f"{second.model}: {second.label}"
    if first.label != second.label:
        return first.label, second.label
    one, two = first.results_file.parts, second.results_file.parts
    alike = zip(one[:-1], two[:-1], strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], alike))
    return str(Path(*one[shared:])), str(Path(*two[shared:]))


def _compare(
    first: RunFolder,
    second: RunFolder,
    task: str,
    labels: tuple[str, str],
    known: dict[tuple[int, str], Tables],
    seed: int,
) -> Comparison:
    for run in (first, second):
        if task not in run.tasks:
            run.samples(task)  # says what is missing
    for run in (first, second):
        if (id(run), task) not in known:
            _check_versions(first, second, task)
            known[id(run), task] = Tables(read_scores(run, task))
    one, two = known[id(first), task], known[id(second), task]
    _check_questions(first, second, one, two)
    return compare_scores(one, two, labels, seed)


def _check_versions(first: RunFolder, second: RunFolder, task: str) -> None:
    """Refuses a task that is not the same in both: its version, and what its pictures are of.

    Raises:
        UsageError: they differ.
    """

    def facts(run: RunFolder) -> dict[str, Any]:
        metadata = run.results["configs"].get(task, {}).get("metadata")
        own = metadata if isinstance(metadata, dict) else {}
        return {"version": (run.results.get("versions") or {}).get(task), **own}

    one, two = facts(first), facts(second)
    for name in {**one, **two}:
        if one.get(name) != two.get(name):
            raise UsageError(
                f"{task}: different {name} ({one.get(name)} in {first.path}, {two.get(name)} in "
                f"{second.path}), so other questions: run one of them again with the other's"
            )


def _check_questions(first: RunFolder, second: RunFolder, one: Tables, two: Tables) -> None:
    """Refuses runs that were not asked the same, or whose scores are not of the same metric.

    Raises:
        UsageError: they differ.
    """
    a, b, task = one.scores, two.scores, one.scores.task
    where = f"{first.path} and {second.path}"
    if len(a.questions) != len(b.questions):
        raise UsageError(
            f"{task}: {len(a.questions)} documents against {len(b.questions)} in {where}: run both "
            "with the same --limit"
        )
    if a.metric != b.metric:
        raise UsageError(
            f"{task}: scored by {a.metric} and by {b.metric} in {where}: run one again"
        )
    if a.questions != b.questions:
        number = next(i for i, q in enumerate(a.questions) if q != b.questions[i])
        options = [run.results["configs"][task].get("dataset_kwargs") for run in (first, second)]
        why = f" (dataset_kwargs {options[0]} and {options[1]})" if options[0] != options[1] else ""
        raise UsageError(
            f"{task}: different questions in {where}, from document {number} on{why}: run both on "
            "the same data, with the same prompt"
        )
