"""Which architectures the interventions reach inside vLLM."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.table import Table

from lmms_bapa.runs.coverage import COLOURS, STATUSES, decoder_facts, marked_up
from lmms_bapa.steering import row_of
from lmms_bapa.vllm import TESTED
from lmms_bapa.vllm.architectures import ARCHITECTURES, Row


def count_line() -> str:
    """How many of each status."""
    count = Counter[str](row.status for row in ARCHITECTURES.values())
    each = ", ".join(f"{count[status]} {status}" for status in STATUSES)
    return f"{each}, with vLLM {TESTED}. Other classes are refused there."


def coverage_table(status: str | None = None) -> Table:
    """One line for each architecture.

    Args:
        status: only those of this status.
    """
    table = Table(box=box.HORIZONTALS, pad_edge=False)
    for heading in ("architecture", "status", "what to know, or why not"):
        table.add_column(heading, no_wrap=heading == "architecture", overflow="fold")
    for name, row in sorted(ARCHITECTURES.items()):
        if status in (None, row.status):
            colour = COLOURS[row.status]
            table.add_row(name, f"[{colour}]{row.status}[/]", remark(row))
    return table


def markdown_table() -> str:
    """The same for the documentation."""
    headings = ["architecture", "status", "model type", "what to know, or why not"]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for name, row in sorted(ARCHITECTURES.items()):
        kind = f"`{row.kind}`" if row.kind else ""
        lines.append(f"| `{name}` | {row.status} | {kind} | {marked_up(remark(row))} |")
    return "\n".join(lines) + "\n"


def remark(row: Row) -> str:
    """What a user should know of an architecture, in a few words.

    What one image is, is the same for all: vLLM tells it of each picture.
    """
    known = row_of(row.kind) if row.kind is not None else None
    if row.status == "refused" or known is None:
        return row.note
    return "; ".join(part for part in (row.note, *decoder_facts(known)) if part)
