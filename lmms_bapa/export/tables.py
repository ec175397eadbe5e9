"""What the tables of several exporters are made from: settings, their figures, and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lmms_bapa.errors import UsageError
from lmms_bapa.export.eee.results import factor_of
from lmms_bapa.export.source import Source
from lmms_bapa.metrics.placements import is_number
from lmms_bapa.report.numbers import PLAIN, SHARE, Unit
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.results.scores import NoScoreError
from lmms_bapa.statistics.figures import Interval, TaskFigures
from lmms_bapa.validation import nearest

SCORE, SPREAD, RANGE, WORST = "score", "spread", "range", "worst place"
_TITLES = {"auroc": "AUROC", "d_prime": "d'"}
# Further figures that are no shares.
_PLAIN = ("auroc", "d_prime", "criterion", "spread of AUROC")


def with_scores(source: Source) -> Source:
    """The same results without the tasks that somebody else has to score; the user is told.

    Raises:
        UsageError: samples cannot be read, or a task without scores was named, or is the only one.
    """
    reasons: dict[str, NoScoreError] = {}
    for run, task in source.pairs():
        try:
            source.figures(run, task)
        except NoScoreError as error:
            reasons.setdefault(task, error)
    kept = [task for task in source.tasks if task not in reasons]
    is_chosen = {t for r in source.runs for t in r.results["configs"]} != set(source.tasks)
    for task, reason in reasons.items():
        if is_chosen or not kept:
            raise reason
        source.note(f"left out: {task}: {reason}")
    return replace(source, tasks=kept)


def part_asked(run: RunFolder, task: str) -> str:
    """Says so where not all questions of a task were asked."""
    counts = (run.results.get("n-samples") or {}).get(task) or {}
    asked, there = counts.get("effective"), counts.get("original")
    if asked is None or there is None or int(asked) >= int(there):
        return ""
    return f"Only {int(asked):,} of {int(there):,} questions were asked."


def figures_by_name(figures: TaskFigures) -> dict[str, Interval]:
    """The figures of a setting on a task, but those of single places: ``score``, ``spread``, ...

    The spread is the population standard deviation of the scores over the places.
    """
    found = {SCORE: figures.score, **figures.extra}
    places = figures.places
    if places is not None:
        found |= {SPREAD: places.std, RANGE: places.range, WORST: places.worst}
        if not math.isnan(places.auroc_std.value):
            found["spread of AUROC"] = places.auroc_std
    return found


def labels(source: Source) -> list[str]:
    """The chosen settings, each once, the stock model first."""
    return list(dict.fromkeys(run.label for run in source.runs))


def run_with(source: Source, label: str, task: str) -> RunFolder | None:
    """The run of a setting that has a task; a setting may have its tasks in several runs."""
    runs = (r for r in source.runs if r.label == label and task in source.tasks_of(r))
    return next(runs, None)


def rows(source: Source, task: str) -> Iterator[tuple[str, dict[str, Interval]]]:
    """Each chosen setting that has a task, with its figures by name.

    Raises:
        UsageError: there are no samples, or they carry no score.
    """
    for label in labels(source):
        run = run_with(source, label, task)
        if run is not None:
            yield label, figures_by_name(source.figures(run, task))


def metric_of(source: Source, run: RunFolder, task: str) -> str:
    """What a score may be called: the harness's metric only where it has the harness's value.

    MME's, for instance, is a sum over categories, while scores are means over questions.

    Raises:
        UsageError: there are no samples, or they carry no score.
    """
    told = source.figures(run, task).metric
    metric = told.removesuffix(" (lower is better)")
    # One name in all settings: values such as 0 may agree by chance.
    if all(_is_mean(source, r, task, metric) for r in source.runs if task in source.tasks_of(r)):
        return told
    source.note(
        f"{task}: the scores are means over questions, which is not how lmms-eval makes its "
        f"{metric} of them: they are called {metric} per question"
    )
    return f"{metric} per question{told.removeprefix(metric)}"


def _is_mean(source: Source, run: RunFolder, task: str, metric: str) -> bool:
    """Whether the harness has the mean of the scores for its metric, or no number at all."""
    known = (run.results.get("results") or {}).get(task) or {}
    given = [v for k, v in known.items() if k.split(",")[0] == metric and is_number(v)]
    value = source.figures(run, task).score.value
    return not given or math.isnan(value) or factor_of(given[0], value) is not None


def unit(name: str, found: Sequence[Mapping[str, Interval]]) -> Unit:
    """Percent for shares, else numbers as they are.

    Args:
        name: of the figure, see :func:`figures_by_name`.
        found: the figures of all settings, so that a column has one unit.
    """
    # A spread is in the unit of the scores, however small it is.
    of = SCORE if name in (SPREAD, RANGE, WORST) else name
    known = [figures[of].value for figures in found if of in figures]
    is_share = all(0 <= value <= 1 for value in known if not math.isnan(value))
    return SHARE if is_share and name not in _PLAIN else PLAIN


def title(name: str, metric: str) -> str:
    """What people call a figure; a score is called by its metric."""
    return _TITLES.get(name) or (metric if name == SCORE else name).replace("_", " ")


def choose(wanted: str, known: Sequence[str]) -> list[str]:
    """Names of figures, as an option gives them with commas between them.

    Raises:
        UsageError: one of them is not known.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UsageError(f"figures={name}: {nearest(name, list(known))}")
    return list(dict.fromkeys(names))
