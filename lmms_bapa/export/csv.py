"""``csv``: figures and differences, one a row, and a wide table, for data frames."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from csv import DictWriter
from typing import ClassVar

from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.naming import phrase
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source
from lmms_bapa.export.tables import (
    SCORE,
    SPREAD,
    figures_by_name,
    labels,
    metric_of,
    rows,
    run_with,
    with_scores,
)
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.statistics.figures import Comparison, Interval

Row = Mapping[str, object]

_ABOUT = ("model", "setting", "intervention", "task", "metric", "figure")
_INTERVAL = ("value", "low", "high", "level", "method")
_FIGURES = (*_ABOUT, *_INTERVAL, "questions", "groups")
_TESTS = ("p", "p_holm", "p_groups", "p_groups_holm", "test", "is_shown")
_CHANGE = ("stock", "value", "difference", *_INTERVAL[1:])
_DIFFERENCES = (*_ABOUT, *_CHANGE, *_TESTS, "questions", "groups")


@register
class Csv(Exporter):
    """Shares are shares, in full precision, and an empty cell is no data.

    ``figures.csv`` has a figure of one setting in each row, ``differences.csv`` a difference from
    the stock model, ``wide.csv`` a setting.
    """

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "figures with intervals, differences with p, and one row a setting"

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        source = with_scores(source)
        about = {run.label: _about(source, run) for run in source.runs}
        yield _table("figures.csv", _FIGURES, list(_figure_rows(source, about)))
        chosen = [c for (label, _), c in source.comparisons.items() if label in about]
        if chosen:
            found = [row for c in chosen for row in _difference_rows(c, _of(source, about, c))]
            yield _table("differences.csv", _DIFFERENCES, found)
        wide: dict[str, dict[str, object]] = {label: dict(about[label]) for label in labels(source)}
        for task in source.tasks:
            for label, figures in rows(source, task):
                wide[label] |= {f"{task}: {name}": i.value for name, i in figures.items()}
        columns = dict.fromkeys(key for row in wide.values() for key in row)
        yield _table("wide.csv", list(columns), list(wide.values()))


def _about(source: Source, run: RunFolder) -> Row:
    names = phrase(source.interventions(run))
    return {"model": source.model_name, "setting": run.label, "intervention": names}


def _of(source: Source, about: Mapping[str, Row], c: Comparison) -> Row:
    run = run_with(source, c.second, c.task)
    assert run is not None, "what was compared has the task"
    return {**about[c.second], "metric": metric_of(source, run, c.task)}


def _figure_rows(source: Source, about: Mapping[str, Row]) -> Iterator[Row]:
    for run, task in source.pairs():
        figures = source.figures(run, task)
        named = dict(figures_by_name(figures))
        if figures.places is not None:
            places = zip(figures.places.names, figures.places.score, strict=True)
            named |= {f"{SCORE} at {place}": score for place, score in places}
        counts = {"questions": figures.questions, "groups": figures.groups}
        task_and_metric = {"task": task, "metric": metric_of(source, run, task)}
        for name, interval in named.items():
            own = {**about[run.label], **task_and_metric, "figure": name}
            yield {**own, **_interval(interval), **counts}


def _difference_rows(c: Comparison, about: Row) -> Iterator[Row]:
    """The score with its tests, the spread with its own, and what has an interval only."""
    own = {**about, "task": c.task}
    counts = {"questions": c.questions, "groups": c.groups}
    score = {
        "stock": c.scores[0],
        "value": c.scores[1],
        "p": c.p,
        "p_holm": c.p_holm,
        "p_groups": c.p_groups,
        "p_groups_holm": c.p_groups_holm,
        "test": c.test,
        "is_shown": c.is_shown,
    }
    yield {**own, "figure": SCORE, **_change(c.difference), **score, **counts}
    if c.std_difference is not None:
        spread = {
            "stock": c.stds[0],
            "value": c.stds[1],
            "p": c.std_p,
            "p_holm": c.std_p_holm,
            "test": "paired permutation, without the noise",
            "is_shown": c.is_spread_shown,
        }
        yield {**own, "figure": SPREAD, **_change(c.std_difference), **spread, **counts}
    for name, interval in c.extra.items():
        figure = "spread of AUROC" if name == "auroc_std" else name
        yield {**own, "figure": figure, **_change(interval), **counts}


def _interval(interval: Interval) -> Row:
    cells = {name: getattr(interval, name) for name in _INTERVAL}
    if math.isnan(interval.low):
        cells["level"] = math.nan
    return cells


def _change(interval: Interval) -> Row:
    cells = dict(_interval(interval))
    return {"difference": cells.pop("value"), **cells}


def _table(name: str, columns: Sequence[str], found: Sequence[Row]) -> ExportFile:
    stream = io.StringIO()
    writer = DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return ExportFile.text(name, stream.getvalue())


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, float) and math.isnan(value) else value
