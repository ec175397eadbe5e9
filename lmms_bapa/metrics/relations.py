"""Metrics of the relation probe. None of them depends on the order of the records.

A record is a mapping with ``pair`` (shared by a question and its mirror), ``relation``,
``distance``, ``answer`` (``yes`` or ``no``), ``said`` (``yes``, ``no`` or None for a reply that is
neither) and ``correct`` (0 or 1). Where there is no data the figure is NaN, or has no entry.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from lmms_bapa.metrics.probe import accuracy

Record = Mapping[str, Any]


def _by(records: Sequence[Record], key: str) -> dict[Hashable, list[Record]]:
    parts: dict[Hashable, list[Record]] = {}
    for record in records:
        parts.setdefault(record[key], []).append(record)
    return parts


def balanced_accuracy(records: Sequence[Record]) -> float:
    """Mean of the accuracies on questions whose answer is Yes, and on those whose answer is No."""
    parts = _by(records, "answer")
    return (accuracy(parts.get("yes", [])) + accuracy(parts.get("no", []))) / 2


def pair_accuracy(records: Sequence[Record]) -> float:
    """Share of pairs of which both questions were answered right.

    The two questions of a pair have the same words; their canvases differ in that the two
    pictures are swapped. A constant answer gets 0, and tossing a coin 0.25. Pairs of which only
    one question was asked do not count.
    """
    pairs = [pair for pair in _by(records, "pair").values() if len(pair) == 2]
    both = [all(r["correct"] for r in pair) for pair in pairs]
    return sum(both) / len(both) if both else math.nan


def relation_accuracy(records: Sequence[Record]) -> dict[str, float]:
    """Accuracy for each relation, by its name."""
    parts = _by(records, "relation")
    return {str(name): accuracy(parts[name]) for name in sorted(parts, key=str)}


def distance_accuracy(records: Sequence[Record]) -> dict[str, float]:
    """Accuracy for each distance: how many columns, or rows, the two pictures are apart."""
    parts = _by(records, "distance")
    return {str(steps): accuracy(parts[steps]) for steps in sorted(parts, key=str)}


def chance(records: Sequence[Record]) -> float:
    """Accuracy of the better one of the two constant answers, on the questions asked."""
    if not records:
        return math.nan
    yes: float = sum(r["answer"] == "yes" for r in records) / len(records)
    return max(yes, 1 - yes)
