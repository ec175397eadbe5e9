"""The tables of a model card: what a setting gave, beside the stock model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmms_bapa.export.source import Source
from lmms_bapa.export.tables import (
    SCORE,
    SPREAD,
    figures_by_name,
    metric_of,
    part_asked,
    run_with,
    title,
    unit,
)
from lmms_bapa.report.numbers import SHARE
from lmms_bapa.results.folders import OFF, RunFolder
from lmms_bapa.statistics.figures import Comparison, Interval
from lmms_bapa.statistics.sentences import sentence


@dataclass(frozen=True)
class TaskPart:
    """What a card says of one task.

    Attributes:
        name: of the task.
        asked: how many questions.
        header: headings of the table.
        rows: its cells.
        verdict: what a comparison with the stock model shows; nothing if there is none.
        has_spread: whether the task has places.
    """

    name: str
    asked: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    verdict: str
    has_spread: bool


def task_part(source: Source, label: str, task: str) -> TaskPart:
    """The table of one setting and one task.

    Raises:
        UsageError: there are no samples, or they carry no score.
    """
    run = run_with(source, label, task)
    assert run is not None, "the caller chose a task that the setting has"
    figures = source.figures(run, task)
    found = source.comparisons.get((label, task))
    stock_run = _stock(source, task) if label != OFF else None
    stock = figures_by_name(source.figures(stock_run, task)) if stock_run else {}
    own = figures_by_name(figures)
    header = ["figure", label] if not stock else ["figure", "stock model", label, "difference"]
    rows = []
    for name, interval in own.items():
        measure = unit(name, [own, stock])
        row = [title(name, metric_of(source, run, task)) + (", %" if measure is SHARE else "")]
        if stock:
            row.append(measure.interval(stock.get(name)))
        row.append(measure.interval(interval))
        if stock:
            row.append(measure.interval(_difference(found, name), sign=True))
        rows.append(row)
    counted = f"{figures.questions:,} scores"
    if figures.groups != figures.questions:
        counted += f" in {figures.groups:,} groups"
    verdict = sentence(found) if found else ""
    asked = f"{counted}. {part_asked(run, task)}".rstrip()
    return TaskPart(task, asked, header, rows, verdict, figures.places is not None)


def intervals(source: Source, label: str, tasks: Sequence[str]) -> str:
    """How the intervals of a setting were made, in brackets."""
    methods: dict[str, None] = {}
    for task in tasks:
        run = run_with(source, label, task)
        if run is not None:
            found = figures_by_name(source.figures(run, task))
            methods |= {i.method: None for i in found.values() if i.method}
    return f" ({'; '.join(methods)})" if methods else ""


def tests(made: Sequence[Comparison]) -> str:
    """Which tests were made, in brackets."""
    names = dict.fromkeys(c.test for c in made)
    if any(not math.isnan(c.std_p) for c in made):
        names["for spreads a paired permutation test without the noise in them"] = None
    return f" ({', over whole groups too; '.join(names)})" if names else ""


def _stock(source: Source, task: str) -> RunFolder | None:
    runs = (r for r in source.everything if r.label == OFF and task in r.tasks)
    return next(runs, None)


def _difference(found: Comparison | None, name: str) -> Interval | None:
    if found is None:
        return None
    known: Mapping[str, Interval | None] = {
        **found.extra,
        SCORE: found.difference,
        SPREAD: found.std_difference,
        "spread of AUROC": found.extra.get("auroc_std"),
    }
    return known.get(name)
