"""The tables of a report: the same cells as text for people and as numbers for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lmms_bapa.report.numbers import AREA, NONE, PLAIN, SHARE, Unit, is_small, p_text
from lmms_bapa.report.sentences import verdict
from lmms_bapa.report.study import TaskStudy
from lmms_bapa.statistics.figures import Comparison, Interval, PlaceFigures

Value = float | int | str | None

# Further figures that are no shares.
_UNITS = {"auroc": AREA, "d_prime": PLAIN, "criterion": PLAIN}


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: as it is read.
        values: column of the CSV -> value; shares stay shares. None and NaN become empty.
        emphasis: whether it deserves to be seen first.
    """

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)
    emphasis: bool = False


@dataclass(frozen=True)
class Table:
    """One table; the first column names the rows.

    Attributes:
        name: of its files.
        title: says what it shows.
        header: one heading a column.
        rows: of as many cells.
        note: explains the columns.
    """

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def to_csv(self) -> str:
        """Numbers in full precision, one or more columns a cell."""
        columns = dict.fromkeys(key for row in self.rows for cell in row for key in cell.values)
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            values = {key: value for cell in row for key, value in cell.values.items()}
            writer.writerow({key: _plain(value) for key, value in values.items()})
        return stream.getvalue()

    def to_markdown(self) -> str:
        """A table of GitHub's Markdown."""
        lines = [[_escape(text) for text in self.header]]
        lines += [[_escape(cell.text) for cell in row] for row in self.rows]
        marks = ["---", *["---:"] * (len(self.header) - 1)]
        text = "\n".join(f"| {' | '.join(cells)} |" for cells in [lines[0], marks, *lines[1:]])
        note = f"\n{_escape(self.note)}\n" if self.note else ""
        return f"{_escape(self.title)}\n\n{text}\n{note}"


def _plain(value: Value) -> Value:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _escape(text: str) -> str:
    for mark in ("\\", "|", "*", "_", "`", "<", "["):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _interval(name: str, interval: Interval | None, unit: Unit, sign: bool = False) -> Cell:
    given = interval or Interval(math.nan)
    values = {name: given.value, f"{name}_low": given.low, f"{name}_high": given.high}
    return Cell(unit.interval(interval, sign), values)


def _p(name: str, p: float, holm: float, test: str | None = None) -> Cell:
    values: dict[str, Value] = {name: p, f"{name}_holm": holm}
    if test is not None:
        values["test"] = test
    return Cell(p_text(holm), values, is_small(holm))


def _label(label: str) -> Cell:
    return Cell(label, {"setting": label})


def score_table(task: TaskStudy, stock: str | None, stem: str) -> Table:
    """Scores of all settings, and their differences from the stock model.

    Args:
        task: its figures.
        stock: label of the stock model, if it was run.
        stem: of the file's name.
    """
    first = next(iter(task.figures.values()))
    rows = []
    for label, figures in task.figures.items():
        own: dict[str, Value] = {
            "metric": figures.metric,
            "questions": figures.questions,
            "groups": figures.groups,
        }
        score = _interval("score", figures.score, task.unit)
        row = [_label(label), Cell(score.text, {**own, **score.values})]
        rows.append(row + (_compared(task, task.comparisons.get(label), label == stock)))
    return Table(
        f"scores_{stem}",
        f"{task.task}: {first.metric.replace('_', ' ')}{_in_percent(task.unit)}, "
        f"{first.questions:,} questions",
        ["setting", "score", "difference", "verdict", "won / lost", "p", "p over groups"],
        rows,
        "Differences from the stock model, on the same questions. In brackets 95 % intervals. Won: "
        "right only with the setting; lost: right only without. Both p after Holm's correction; "
        "a difference is shown if both are below 0.05.",
    )


def _compared(task: TaskStudy, found: Comparison | None, is_stock: bool) -> list[Cell]:
    if found is None:
        empty = dict.fromkeys(("wins", "losses"))
        return [
            _interval("difference", None, task.unit),
            Cell("stock model" if is_stock else "not compared", {"verdict": None}),
            Cell(NONE, empty),
            _p("p", math.nan, math.nan, ""),
            _p("p_groups", math.nan, math.nan),
        ]
    wins = NONE if found.wins is None else f"{found.wins} / {found.losses}"
    return [
        _interval("difference", found.difference, task.unit, sign=True),
        Cell(verdict(found), {"verdict": verdict(found)}, found.is_shown),
        Cell(wins, {"wins": found.wins, "losses": found.losses}),
        _p("p", found.p, found.p_holm, found.test),
        _p("p_groups", found.p_groups, found.p_groups_holm),
    ]


def spread_table(task: TaskStudy, stem: str) -> Table:
    """How evenly each setting answers over the places. For tasks with places."""
    has_auroc = any(f.places is not None and f.places.auroc for f in task.figures.values())
    rows = [
        _spread_row(label, figures.places, task.comparisons.get(label), task.unit, has_auroc)
        for label, figures in task.figures.items()
        if figures.places is not None
    ]
    header = [
        "setting",
        "spread",
        "by chance alone",
        "position matters, p",
        "worst place",
        "difference of spread",
        "p",
    ] + ["spread of AUROC"] * has_auroc
    tests = {f.places.matters_test for f in task.figures.values() if f.places is not None}
    test = f" Position: {', '.join(sorted(tests - {''}))}." if tests - {""} else ""
    return Table(
        f"spread_{stem}",
        f"{task.task}: spread over places (standard deviation){_in_percent(task.unit)}",
        header,
        rows,
        "A spread within the range that chance alone gives is no sign of a bias. The last p is of "
        "the difference from the stock model's spread, both without the noise in them, after "
        f"Holm's correction.{test}",
    )


def _spread_row(
    label: str, places: PlaceFigures, found: Comparison | None, unit: Unit, has_auroc: bool
) -> list[Cell]:
    chance = _interval("chance_std", places.chance_std, unit)
    reach = _interval("range", places.range, unit)
    worst = _interval("worst", places.worst, unit)
    matters: dict[str, Value] = {"matters_p": places.matters_p, "matters_test": places.matters_test}
    p, holm = (found.std_p, found.std_p_holm) if found else (math.nan, math.nan)
    return [
        _label(label),
        _interval("std", places.std, unit),
        Cell(unit.ends(places.chance_std) or NONE, chance.values),
        Cell(p_text(places.matters_p), matters, is_small(places.matters_p)),
        Cell(worst.text, {**worst.values, **reach.values}),
        _interval("std_difference", found.std_difference if found else None, unit, sign=True),
        _p("std_p", p, holm),
    ] + [_interval("auroc_std", places.auroc_std, AREA)] * has_auroc


def further_table(task: TaskStudy, stem: str) -> Table | None:
    """What else is known of each setting; None if nothing is."""
    names = list(dict.fromkeys(name for f in task.figures.values() for name in f.extra))
    if not names:
        return None
    rows = [
        [_label(label)] + [_interval(n, figures.extra.get(n), _UNITS.get(n, SHARE)) for n in names]
        for label, figures in task.figures.items()
    ]
    titles = [n.replace("_", " ") + (", %" if n not in _UNITS else "") for n in names]
    return Table(f"further_{stem}", f"{task.task}: further figures", ["setting", *titles], rows)


def place_table(task: TaskStudy, stem: str) -> Table:
    """The score of every setting at every place. For tasks with places."""
    with_places = {label: f.places for label, f in task.figures.items() if f.places is not None}
    rows = [
        [_label(label), *_place_cells(places, task.unit)] for label, places in with_places.items()
    ]
    names = list(next(iter(with_places.values())).names)
    return Table(
        f"places_{stem}",
        f"{task.task}: by place{_in_percent(task.unit)}",
        ["setting", *names],
        rows,
    )


def _place_cells(places: PlaceFigures, unit: Unit) -> list[Cell]:
    cells = []
    for i, (name, score) in enumerate(zip(places.names, places.score, strict=True)):
        values = {name: score.value, f"{name} low": score.low, f"{name} high": score.high}
        text = unit.number(score.value)
        if places.auroc:
            values[f"{name} auroc"] = places.auroc[i]
            text += f"; {AREA.number(places.auroc[i])}"
        cells.append(Cell(text, values))
    return cells


def _in_percent(unit: Unit) -> str:
    return ", in %" if unit is SHARE else ""
