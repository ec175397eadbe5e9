"""``latex``: tables of a sweep as papers print them, for the package booktabs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field

from lmms_bapa import __version__
from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.latex_columns import Column, columns_of, divide, escape, first_capital
from lmms_bapa.export.naming import short
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source
from lmms_bapa.export.tables import SCORE, SPREAD, labels, part_asked, with_scores
from lmms_bapa.report.numbers import Unit
from lmms_bapa.results.folders import OFF
from lmms_bapa.statistics.figures import Comparison

_NONE = "--"


@register
class Latex(Exporter):
    """Rows are settings, groups of columns are tasks."""

    name: ClassVar[str] = "latex"
    summary: ClassVar[str] = "tables as papers print them, with intervals and tests (booktabs)"

    figures: str = Field(
        default=f"{SCORE},{SPREAD}",
        description=f"with commas between them; default {SCORE},{SPREAD}",
    )
    intervals: Literal["brackets", "none"] = Field(
        default="brackets", description="brackets (default) or none"
    )
    width: int = Field(
        default=67,
        ge=20,
        description="digits on a line of your page, default 67; wider tables are divided",
    )
    caption: str | None = Field(default=None, description="LaTeX, in front of our words")
    label: str = Field(
        default="tab:lmms-bapa", pattern=r"^[\w:.+-]+$", description="default tab:lmms-bapa"
    )

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        source = with_scores(source)
        settings = {run.label: _setting(short(source.interventions(run))) for run in source.runs}
        columns = columns_of(source, self.figures)
        with_ends = self.intervals == "brackets"
        parts = list(divide(columns, list(settings.values()), self.width, with_ends))
        for number, part in enumerate(parts, start=1):
            shown = [x for x in labels(source) if any(x in column.cells for column in part)]
            lines = [
                [settings[label], *(self._cell(source, column, label) for column in part)]
                for label in shown
            ]
            suffix = f"-{number}" if len(parts) > 1 else ""
            table = _environment().get_template("table.tex.j2")
            text = table.render(
                version=__version__,
                source=escape(source.model_name),
                caption=self._caption(source, part),
                label=f"{self.label}{suffix}",
                columns=[column.heading for column in part],
                groups=list(_groups(part)),
                rows=lines,
                note=self._note(source, part),
            )
            yield ExportFile.text(f"table{suffix}.tex", text)

    def _cell(self, source: Source, column: Column, label: str) -> str:
        interval = column.cells.get(label)
        if interval is None or math.isnan(interval.value):
            return _NONE
        text = _number(column.unit, interval.value)
        if _is_best(source, column, label):
            text = rf"\textbf{{{text}}}"
        if _is_shown(source.comparisons.get((label, column.task)), column.figure):
            text += "$^{*}$"
        if self.intervals == "none" or math.isnan(interval.low) or math.isnan(interval.high):
            return text
        ends = f"{_number(column.unit, interval.low)}, {_number(column.unit, interval.high)}"
        return rf"{text} {{\scriptsize [{ends}]}}"

    def _caption(self, source: Source, columns: Sequence[Column]) -> str:
        tasks = ", ".join(dict.fromkeys(escape(column.task) for column in columns))
        own = f"{self.caption} " if self.caption else ""
        model = escape(source.model_name)
        return f"{own}{model} on {tasks}, as it is and with interventions."

    def _note(self, source: Source, columns: Sequence[Column]) -> str:
        counts = {column.task: _counts(column) for column in columns}
        lines = ["; ".join(counts.values()) + "."]
        for task in counts:
            parts = {part_asked(run, task) for run in source.runs if task in source.tasks_of(run)}
            lines += [f"{escape(task)}: {part}" for part in sorted(parts - {""})]
        if self.intervals == "brackets":
            lines += _methods(columns)
        if any(column.figure == SPREAD for column in columns):
            lines.append("Spread: standard deviation of the scores over the places.")
        if any(column.heading.startswith("Verdict") for column in columns):
            lines.append("Verdict: whether a question was answered right, over the shifted places.")
        return "\n".join([*lines, *_tests(source, columns)])


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("lmms_bapa", "export"),
        autoescape=False,  # not HTML: texts are escaped by escape()
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def _setting(name: str) -> str:
    return first_capital(re.sub(r"\blambda\b", r"$\\lambda$", escape(name)))


def _counts(column: Column) -> str:
    """How many questions, in how many groups if some belong together."""
    told = []
    for questions, groups in column.counts:
        whole = f" in {groups:,} groups" if groups != questions else ""
        told.append(f"$n = {questions:,}$".replace(",", "{,}") + whole)
    return f"{escape(column.task)}: {' or '.join(told)}"


def _number(measure: Unit, value: float) -> str:
    text = measure.number(value)
    return f"$-${text[1:]}" if text.startswith("−") else text


def _groups(columns: Sequence[Column]) -> Iterator[dict[str, object]]:
    start = 2  # the first column has the settings
    for task in dict.fromkeys(column.task for column in columns):
        span = sum(column.task == task for column in columns)
        yield {"title": escape(task), "span": span, "first": start, "last": start + span - 1}
        start += span


def _is_shown(found: Comparison | None, figure: str) -> bool:
    """Whether a difference from the stock model is shown; only scores and spreads are tested."""
    if found is None:
        return False
    return (figure == SCORE and found.is_shown) or (figure == SPREAD and found.is_spread_shown)


def _is_best(source: Source, column: Column, label: str) -> bool:
    """Whether a setting has the best value, and is shown to be better than the stock model."""
    found = source.comparisons.get((label, column.task))
    if found is None or not _is_shown(found, column.figure):
        return False
    is_score = column.figure == SCORE
    sign = 1 if is_score and found.higher_is_better else -1
    change = found.difference if is_score else found.std_difference
    values = [sign * i.value for i in column.cells.values() if not math.isnan(i.value)]
    is_gain = change is not None and sign * change.value > 0
    return is_gain and sign * column.cells[label].value == max(values)


def _methods(columns: Sequence[Column]) -> Iterator[str]:
    methods: dict[str, dict[str, None]] = {}
    for column in columns:
        for interval in column.cells.values():
            if interval.method and not math.isnan(interval.low):
                methods.setdefault(interval.method, {})[column.figure.replace("_", " ")] = None
    if methods:
        told = "; ".join(f"{', '.join(names)}: {method}" for method, names in methods.items())
        yield rf"In brackets 95\,\% intervals ({escape(told)})."


def _tests(source: Source, columns: Sequence[Column]) -> Iterator[str]:
    tasks = {column.task for column in columns}
    made = [c for c in source.comparisons.values() if c.task in tasks]
    if not made:
        yield "No setting was compared with the stock model."
        return
    told = []
    if any(column.figure == SCORE for column in columns):
        tests = " or ".join(sorted({escape(c.test) for c in made}))
        told.append(f"{len(source.comparisons)} of scores ({tests}; and whole groups permuted)")
    spreads = sum(not math.isnan(c.std_p) for c in source.comparisons.values())
    if any(column.figure == SPREAD for column in columns) and spreads:
        told.append(f"{spreads} of spreads (paired permutation, without the noise in them)")
    if not told:
        yield "None of these figures was tested."
        return
    yield (
        "$^{*}$: differs from the stock model, $p < 0.05$ after Holm's correction over all "
        f"comparisons of settings and tasks: {' and '.join(told)}."
    )
    yield (
        "Bold: the best of its column, if it is shown to be better than the stock model; the other "
        "settings were not compared with each other."
    )
    if OFF not in labels(source):
        yield "The stock model is not in this table."
    left_out = sorted(tasks - {c.task for c in made})
    if left_out:
        yield f"Not compared, since some setting lacks it: {escape(', '.join(left_out))}."
