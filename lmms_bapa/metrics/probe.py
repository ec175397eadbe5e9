"""Metrics of the spatial probe. None of them depends on the order of the records.

A record is a mapping with ``group``, ``cell`` (row-major), ``rows`` (grid side), ``asked``
(``key`` or ``absent``), ``said`` (``yes``, ``no`` or None for a reply that is neither) and
``correct`` (0 or 1). ``place`` is the number of the place that the group's key visits, of
``places``; in records without them the places are the cells of the grid. Newer records have
``margin``, too: log p(Yes) - log p(No) where the answer begins, or None if it is not known. Where
there is no data the figure is NaN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Record = Mapping[str, Any]


def parse_yes_no(reply: str) -> str | None:
    """Reads a reply: ``yes`` or ``no`` if that is its first word, else None."""
    match = re.match(r"[\s\"'`*_(\[]*(yes|no)\b", reply, flags=re.IGNORECASE)
    return match.group(1).lower() if match else None


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def _asked(records: Sequence[Record], kind: str) -> list[Record]:
    return [r for r in records if r["asked"] == kind]


def _place(record: Record) -> int:
    number: int = record.get("place", record["cell"])
    return number


def _places(record: Record) -> int:
    number: int = record["places"] if "places" in record else record["rows"] ** 2
    return number


def accuracy(records: Sequence[Record]) -> float:
    """Share of all questions that were answered right."""
    return _mean(r["correct"] for r in records)


def chance(records: Sequence[Record]) -> float:
    """Accuracy without looking: of whichever of Yes and No is right more often, as a constant."""
    return max(_mean(r["asked"] == kind for r in records) for kind in ("key", "absent"))


def balanced_accuracy(records: Sequence[Record]) -> float:
    """Mean of the accuracies on key questions (Yes is right) and on absent ones (No is right).

    A model that always says Yes gets 0.5.
    """
    return (accuracy(_asked(records, "key")) + accuracy(_asked(records, "absent"))) / 2


def yes_rate(records: Sequence[Record]) -> float:
    """Share of all replies that are Yes; half of the questions deserve it."""
    return _mean(r["said"] == "yes" for r in records)


def unparsed(records: Sequence[Record]) -> float:
    """Share of replies that are neither Yes nor No. They count as wrong."""
    return _mean(r["said"] is None for r in records)


def cell_accuracy(records: Sequence[Record]) -> list[list[float]]:
    """Accuracy on key questions by the key's cell, as rows of the grid (the paper's heat map)."""
    rows = {r["rows"] for r in records}
    if len(rows) != 1:
        return []
    side = rows.pop()
    cells: list[list[float]] = [[] for _ in range(side**2)]
    for r in _asked(records, "key"):
        cells[r["cell"]].append(r["correct"])
    means = [_mean(c) for c in cells]
    return [means[i * side : (i + 1) * side] for i in range(side)]


def _cells(records: Sequence[Record]) -> np.ndarray:
    return np.array(cell_accuracy(records), dtype=float).ravel()


def cell_std(records: Sequence[Record]) -> float:
    """Population standard deviation of :func:`cell_accuracy` over the cells."""
    cells = _cells(records)
    return float(cells.std()) if cells.size else math.nan


def cell_range(records: Sequence[Record]) -> float:
    """Best cell minus worst cell of :func:`cell_accuracy`."""
    cells = _cells(records)
    return float(cells.max() - cells.min()) if cells.size else math.nan


def cell_worst(records: Sequence[Record]) -> float:
    """Accuracy of the worst cell of :func:`cell_accuracy`."""
    cells = _cells(records)
    return float(cells.min()) if cells.size else math.nan


def consistency(records: Sequence[Record]) -> float:
    """Share of groups whose key question got the same reply at every place, right or wrong.

    Only groups that were asked at every place count.
    """
    groups: dict[Any, list[Record]] = {}
    for r in _asked(records, "key"):
        groups.setdefault(r["group"], []).append(r)
    whole = [g for g in groups.values() if len({_place(r) for r in g}) == _places(g[0])]
    return _mean(len({r["said"] for r in g}) == 1 for g in whole)


def shift_accuracy(records: Sequence[Record]) -> list[float]:
    """Accuracy on all questions by displacement, in the order of the displacements.

    For the layout ``pixel``, whose places are displacements of the whole canvas: questions about
    absent pictures see them too.
    """
    numbers = {_places(r) for r in records}
    if len(numbers) != 1:
        return []
    shifts: list[list[float]] = [[] for _ in range(numbers.pop())]
    for r in records:
        shifts[_place(r)].append(r["correct"])
    return [_mean(s) for s in shifts]


def shift_std(records: Sequence[Record]) -> float:
    """Population standard deviation of :func:`shift_accuracy` over the displacements."""
    shifts = np.array(shift_accuracy(records))
    return float(shifts.std()) if shifts.size else math.nan


def shift_range(records: Sequence[Record]) -> float:
    """Best displacement minus worst displacement of :func:`shift_accuracy`."""
    shifts = np.array(shift_accuracy(records))
    return float(shifts.max() - shifts.min()) if shifts.size else math.nan
