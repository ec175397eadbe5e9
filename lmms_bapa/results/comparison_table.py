"""Comparisons to look at, and to go on with: on the screen, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lmms_bapa.errors import UsageError
from lmms_bapa.statistics.figures import Comparison, Interval
from lmms_bapa.statistics.sentences import sentence

FORMATS = (".csv", ".md")
_INTERVAL = ("value", "low", "high")
_HEADINGS = ("", "difference", "won : lost", "p", "Holm", "groups")
_WIDTHS = (14, 5, 20, 10, 6, 6, 6)
_COLUMNS = (
    *("score", "difference", "won : lost", "p", "Holm", "over groups, Holm"),
    *("spread", "its difference", "its p", "its Holm"),
)


def check_output(path: Path | None) -> None:
    """Refuses a file that cannot be written, before any work.

    Raises:
        UsageError: its ending is unknown, or its folder is not there.
    """
    if path is None:
        return
    if path.suffix not in FORMATS:
        raise UsageError(f"--output {path}: should end in {' or '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--output {path}: no such folder")


def write(comparisons: Sequence[Comparison], path: Path) -> None:
    """Writes a table, by the ending of the file.

    Raises:
        UsageError: it cannot be written.
    """
    text = as_csv(comparisons) if path.suffix == ".csv" else as_markdown(comparisons)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}") from error


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """One line a comparison, in shares and in full precision; empty where there is no data."""
    lines = [_record(c) for c in comparisons]
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _record(c: Comparison) -> dict[str, str]:
    values: dict[str, object] = {
        "task": c.task,
        "metric": c.metric,
        "first": c.first,
        "second": c.second,
        "questions": c.questions,
        "groups": c.groups,
        "first_score": c.scores[0],
        "second_score": c.scores[1],
        **_parts("difference", c.difference),
        "wins": c.wins,
        "losses": c.losses,
        "test": c.test,
        "p": c.p,
        "p_holm": c.p_holm,
        "p_groups": c.p_groups,
        "p_groups_holm": c.p_groups_holm,
        "first_std": c.stds[0],
        "second_std": c.stds[1],
        **_parts("std_difference", c.std_difference),
        "std_p": c.std_p,
        "std_p_holm": c.std_p_holm,
        "verdict": sentence(c),
    }
    for name, interval in c.extra.items():
        values |= _parts(f"{name}_difference", interval)
    return {name: _full(value) for name, value in values.items()}


def _parts(name: str, interval: Interval | None) -> dict[str, object]:
    ends = dict.fromkeys(_INTERVAL) if interval is None else vars(interval)
    return {name: ends["value"], f"{name}_low": ends["low"], f"{name}_high": ends["high"]}


def _full(value: object) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else repr(value) if isinstance(value, float) else str(value)


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    """A table a task, with what each comparison shows; shares in percent and percentage points."""
    parts = []
    for rows in _by_task(comparisons):
        names = ("setting", *_COLUMNS, "shown")
        lines = [f"### {_title(rows[0])}", "", f"| {' | '.join(names)} |"]
        lines.append(f"|{'---|' * len(names)}")
        for c in rows:
            cells = (c.second, *_cells(c), sentence(c))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_table(comparisons: Sequence[Comparison]) -> RenderableType:
    """For the screen: under each setting what is shown, and the figures behind it."""
    parts: list[RenderableType] = []
    for rows in _by_task(comparisons):
        parts += [Text(_title(rows[0]), style="bold"), Text()]
        for i, c in enumerate(rows):
            if i == 0:
                parts.append(_grid([tuple(map(Text, ("", *_HEADINGS)))]))
            said = Text.assemble((c.second, "bold"), ": ", sentence(c))
            parts += [said, _grid(_lines(c))]
        parts.append(Text())
    return Group(*parts)


def _grid(lines: Sequence[Sequence[Text]]) -> Table:
    """Columns of the same width under every setting; 80 characters in all."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for i, width in enumerate(_WIDTHS):
        table.add_column(justify="right" if i else "left", width=width, no_wrap=True)
    for line in lines:
        table.add_row(*line)
    return table


def _lines(c: Comparison) -> list[tuple[Text, ...]]:
    cells = [Text(cell) for cell in _cells(c)]
    if c.is_shown:
        cells[1].stylize("green" if c.is_gain else "red")
    if c.is_spread_shown and c.std_difference is not None:
        cells[7].stylize("green" if c.std_difference.value < 0 else "red")
    nothing = Text("")
    lines = [(Text("  score"), *cells[:6])]
    if c.std_difference is not None:
        spread, change, p, corrected = cells[6:]
        lines.append((Text("  spread"), spread, change, nothing, p, corrected, nothing))
    # These are shares, whatever the scores are.
    more = {"yes_rate": "  Yes", "auroc": "  AUROC", "auroc_std": "  AUROC spread"}
    for name, label in more.items():
        if name in c.extra:
            change = Text(_change(c.extra[name], 100))
            lines.append((Text(label), nothing, change, *[nothing] * 4))
    return lines


def print_table(comparisons: Sequence[Comparison], console: Console) -> None:
    """Prints :func:`as_table` with a line on what the columns are."""
    console.print(as_table(comparisons), soft_wrap=False)
    tests = ", ".join(dict.fromkeys(c.test for c in comparisons))
    console.print(
        f"In % and percentage points{_unless(comparisons)}, with 95 % intervals (bootstrap over "
        f"groups). p: {tests}; groups: whole groups swapped; spread: standard deviation over "
        "places, its p without the noise in it. Holm's correction is over all rows.",
        highlight=False,
        style="dim",
    )


def _unless(comparisons: Sequence[Comparison]) -> str:
    beyond = any(c.factor == 1 for c in comparisons)
    return " (scores beyond 0 to 1 as they are)" if beyond else ""


def _by_task(comparisons: Sequence[Comparison]) -> list[list[Comparison]]:
    return [list(rows) for _, rows in groupby(comparisons, key=lambda c: (c.task, c.first))]


def _title(c: Comparison) -> str:
    groups = "" if c.groups == c.questions else f" in {c.groups:,} groups"
    score = _number(c.scores[0], c.factor)
    spread = ""
    if c.std_difference is not None:
        spread = f", spread {_number(c.stds[0], c.factor)}"
    return f"{c.task}: {c.metric} of {c.questions:,} questions{groups}; {c.first}: {score}{spread}"


def _cells(c: Comparison) -> list[str]:
    won = "–" if c.wins is None else f"{c.wins} : {c.losses}"
    cells = [_number(c.scores[1], c.factor), _change(c.difference, c.factor), won]
    cells += [_p(c.p), _p(c.p_holm), _p(c.p_groups_holm)]
    if c.std_difference is None:
        return [*cells, "–", "–", "–", "–"]
    spread = [_number(c.stds[1], c.factor), _change(c.std_difference, c.factor)]
    return [*cells, *spread, _p(c.std_p), _p(c.std_p_holm)]


def _number(value: float, factor: float, sign: str = "") -> str:
    if math.isnan(value):
        return "–"
    form = f"{sign}.1f" if factor != 1 else f"{sign}.3g"
    return f"{factor * value:{form}}"


def _change(i: Interval, factor: float) -> str:
    value, low, high = (_number(v, factor, "+") for v in (i.value, i.low, i.high))
    return value if math.isnan(i.low) else f"{value} [{low}, {high}]"


def _p(p: float) -> str:
    return "–" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"
