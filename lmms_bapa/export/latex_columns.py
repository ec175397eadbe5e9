"""The columns of a LaTeX table: what stands in them, and how many fit beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lmms_bapa.export.source import Source
from lmms_bapa.export.tables import SCORE, SPREAD, choose, metric_of, rows, title, unit
from lmms_bapa.report.numbers import SHARE, Unit
from lmms_bapa.statistics.figures import Interval

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
# In widths of a digit of ten points, by a look at what LaTeX makes of them.
_SMALL, _LETTER, _BETWEEN = 0.75, 0.9, 2.5


@dataclass(frozen=True)
class Column:
    """One figure of one task.

    Attributes:
        task: its name.
        figure: name of the figure.
        unit: of all its cells.
        heading: what it is called in the table, in LaTeX.
        cells: setting -> figure.
        counts: questions and groups that it is made from, one pair unless settings differ.
    """

    task: str
    figure: str
    unit: Unit
    heading: str
    cells: Mapping[str, Interval]
    counts: Sequence[tuple[int, int]]

    def width(self, with_ends: bool) -> float:
        """Width of its widest cell, in digits."""
        widths = [float(len(self.heading))]
        for interval in self.cells.values():
            ends = len(self.unit.ends(interval)) if with_ends else 0
            widths.append(len(self.unit.number(interval.value)) + _SMALL * ends)
        return max(widths)


def columns_of(source: Source, figures: str) -> list[Column]:
    """The columns of all chosen tasks.

    Args:
        source: the results.
        figures: names with commas between them; a task without a figure has no such column.

    Raises:
        UsageError: no task has such a figure, or there are no samples.
    """
    by_task = {task: dict(rows(source, task)) for task in source.tasks}
    known = dict.fromkeys(n for found in by_task.values() for f in found.values() for n in f)
    names = choose(figures, list(dict.fromkeys([SCORE, SPREAD, *known])))
    columns = []
    for task, found in by_task.items():
        runs = [run for run in source.runs if task in source.tasks_of(run)]
        asked = [source.figures(run, task) for run in runs]
        counts = sorted({(one.questions, one.groups) for one in asked})
        for name in names:
            cells = {label: own[name] for label, own in found.items() if name in own}
            if cells:
                measure = unit(name, list(found.values()))
                share = r" (\%)" if measure is SHARE else ""
                called = escape(title(name, metric_of(source, runs[0], task)))
                heading = f"{first_capital(called)}{share}"
                columns.append(Column(task, name, measure, heading, cells, counts))
    return columns


def divide(
    columns: Sequence[Column], names: Sequence[str], most: float, with_ends: bool
) -> Iterator[list[Column]]:
    """Tables that fit the page; a task is divided only if it alone is too wide.

    Args:
        columns: all of them.
        names: of the settings, in LaTeX: what stands in the first column.
        most: width of a line, in digits.
        with_ends: whether cells have intervals.
    """
    plain = (re.sub(r"[$\\{}]", "", name).replace("lambda", "l") for name in names)
    first = _LETTER * max(map(len, plain))

    def fits(part: Sequence[Column]) -> bool:
        tasks: dict[str, float] = {}
        for column in part:
            tasks[column.task] = tasks.get(column.task, 0) + column.width(with_ends) + _BETWEEN
        return first + sum(max(len(t) + _BETWEEN, width) for t, width in tasks.items()) <= most

    part: list[Column] = []
    for task in dict.fromkeys(column.task for column in columns):
        own = [column for column in columns if column.task == task]
        for piece in [own] if fits(own) else [[column] for column in own]:
            if part and not fits([*part, *piece]):
                yield part
                part = []
            part = [*part, *piece]
    if part:
        yield part


def escape(text: str) -> str:
    """Text as LaTeX prints it; what would break a line is a space."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(_SPECIAL.get(character, character) for character in plain)


def first_capital(text: str) -> str:
    """The text with a capital in front; the other letters stay."""
    return text[:1].upper() + text[1:]
