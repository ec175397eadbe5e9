"""Figures of a task that shows every document at several places.

The base task's own aggregation is called once a place, on that place's documents in their own
order, so that scorers which look at pairs, circles or categories stay right. Where there is no
data, or the base task's figure is not a number, ours is NaN.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Aggregate = Callable[[list[Any], str], Any]


class Placed(str):
    """The value of one metric for one document at one place.

    It is the name of the place to everybody else: the harness writes every value of every metric
    to its sample log, and would write the same value once for each figure taken from it.
    :meth:`record` is what should stand there once.

    Attributes:
        document: number of the document in the base task.
        value: what the base task made of the reply.
    """

    __slots__ = ("document", "value")
    document: int
    value: Any

    def __new__(cls, placement: str, document: int, value: Any) -> Placed:
        """Makes a record whose text is the name of the place."""
        record = super().__new__(cls, placement)
        record.document, record.value = document, value
        return record

    def record(self) -> dict[str, Any]:
        """The same in plain sight."""
        return {"placement": str(self), "document": self.document, "value": self.value}

    @classmethod
    def of(cls, record: Placed | Mapping[str, Any]) -> Placed:
        """Reads either form."""
        if isinstance(record, Placed):
            return record
        return cls(record["placement"], record["document"], record["value"])

    def __reduce__(self) -> tuple[Any, ...]:
        # Records of other processes come through pickle.
        return Placed, (str(self), self.document, self.value)


Record = Placed | Mapping[str, Any]


class ByPlace(dict[str, Any]):
    """One figure per place; short where the harness prints it in a table."""

    def __repr__(self) -> str:
        if not all(map(is_number, self.values())):
            return f"{len(self)} place(s)"
        return " ".join(f"{value:.4g}" for value in self.values())


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # arrays that are not one and the same object
        return False


class PlacementScores:
    """The base task's figure at each place, computed once however many figures are taken from it.

    Args:
        aggregate: the base task's aggregation of one place's values; gets the place's name, too.
        placements: names of the places, in order.
    """

    def __init__(self, aggregate: Aggregate, placements: Sequence[str]) -> None:
        self._aggregate = aggregate
        self._placements = tuple(placements)
        self._last: tuple[list[tuple[str, int, Any]], ByPlace] | None = None

    def __call__(self, records: Iterable[Record]) -> ByPlace:
        """One figure per place that has documents."""
        placed = map(Placed.of, records)
        rows = sorted(((str(r), r.document, r.value) for r in placed), key=lambda row: row[:2])
        # Equal records have equal figures; records of other processes are equal, not identical.
        if self._last is None or not _equal(self._last[0], rows):
            kept = rows
            rows = copy.deepcopy(rows)  # some scorers write into their records
            values: dict[str, list[Any]] = {name: [] for name in self._placements}
            for place, _, value in rows:
                values[place].append(value)
            scores = ByPlace({n: self._aggregate(v, n) for n, v in values.items() if v})
            self._last = kept, scores
        return self._last[1]


def is_number(value: Any) -> bool:
    """Whether a figure can be averaged; True and False cannot."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _numbers(scores: Mapping[str, Any]) -> np.ndarray:
    values = list(scores.values())
    return np.array(values if all(map(is_number, values)) else [], dtype=float)


def mean(scores: Mapping[str, Any]) -> float:
    """Mean over the places."""
    values = _numbers(scores)
    return float(values.mean()) if values.size else math.nan


def worst(scores: Mapping[str, Any], higher_is_better: bool = True) -> float:
    """The worst place."""
    values = _numbers(scores)
    if not values.size:
        return math.nan
    return float(values.min() if higher_is_better else values.max())


def spread(scores: Mapping[str, Any]) -> float:
    """Best place minus worst place."""
    values = _numbers(scores)
    return float(values.max() - values.min()) if values.size else math.nan


def std(scores: Mapping[str, Any]) -> float:
    """Population standard deviation over the places."""
    values = _numbers(scores)
    return float(values.std()) if values.size else math.nan


# --- verdicts: was a document answered right at a place? ---------------------------------------

Verdicts = Mapping[int, Mapping[str, bool]]


def verdicts_by_document(records: Iterable[Record], placements: Sequence[str]) -> Verdicts:
    """Verdicts of the documents that have one at every place.

    Returns:
        document -> place -> right. Empty if any value is something between right and wrong; None
        is no verdict.
    """
    found: dict[int, dict[str, bool]] = {}
    for record in map(Placed.of, records):
        if record.value is None:
            continue
        if record.value not in (0, 1):
            return {}
        found.setdefault(record.document, {})[str(record)] = bool(record.value)
    return {n: places for n, places in found.items() if set(placements) <= set(places)}


def _share(values: Iterable[bool]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def flip_rate(verdicts: Verdicts, original: str) -> float:
    """Share of shifted documents whose verdict is not the original's, right to wrong or back."""
    return _share(
        right != places[original]
        for places in verdicts.values()
        for name, right in places.items()
        if name != original
    )


def right_everywhere(verdicts: Verdicts) -> float:
    """Share of documents that are answered right at every place, the original among them."""
    return _share(all(places.values()) for places in verdicts.values())


def right_somewhere(verdicts: Verdicts) -> float:
    """Share of documents that are answered right at one place at least."""
    return _share(any(places.values()) for places in verdicts.values())
