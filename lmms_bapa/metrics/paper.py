"""The paper's figures for its probe, read from replies as its official code reads them.

A record is one of :mod:`lmms_bapa.metrics.probe` with ``paper_correct`` (0 or 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lmms_bapa.metrics.probe import Record


def paper_correct(reply: str, answer: str) -> bool:
    """Whether the official scoring takes a reply as right.

    A reply that begins with ``Yes`` or ``No``, capital first, is cut to that word; what stands
    before the first comma and space must then equal the answer but for case. So "Yes." and
    "Yesterday" pass for Yes; " Yes", "yes." and "**Yes**" do not.
    """
    for word in ("No", "Yes"):
        if reply.startswith(word):
            reply = word
    return reply.split(", ")[0].lower() == answer.lower()


def paper_accuracy(records: Sequence[Record]) -> float:
    """Share of questions that the official scoring takes as right; NaN without data."""
    if not records:
        return math.nan
    return math.fsum(r["paper_correct"] for r in records) / len(records)


def paper_cell_accuracy(records: Sequence[Record]) -> list[list[float]]:
    """:func:`paper_accuracy` of each cell, as rows of the grid; NaN where a cell has no data."""
    rows = {r["rows"] for r in records}
    if len(rows) != 1:
        return []
    side = rows.pop()
    cells = [paper_accuracy([r for r in records if r["cell"] == c]) for c in range(side**2)]
    return [cells[i * side : (i + 1) * side] for i in range(side)]
