"""The parts of two benchmarks of the harness that ask where things are."""

from __future__ import annotations

from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.failure import visible_failures


def _only(documents: Any, column: str, value: str) -> Any:
    found = documents[column]
    rows = [number for number, kind in enumerate(found) if kind == value]
    if not rows:
        with visible_failures():
            raise UsageError(
                f"no question has {column}={value!r}, only {sorted(set(found))}: the data set has "
                "changed, so use the whole task instead"
            )
    return documents.select(rows)


def cv_bench_relations(documents: Any) -> Any:
    """Keeps the relation questions of CV-Bench 2D; the others count objects."""
    return _only(documents, "task", "Relation")


def vstar_relative_positions(documents: Any) -> Any:
    """Keeps the questions of V*Bench about relative positions; the others ask for attributes."""
    return _only(documents, "category", "relative_position")
