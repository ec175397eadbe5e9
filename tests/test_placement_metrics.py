"""Figures over places, against values computed by hand."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lmms_bapa.metrics import placements as figures
from lmms_bapa.metrics.placements import Placed, PlacementScores, verdicts_by_document

PLACES = ("a", "b", "c")


def placed(table: dict[str, list[Any]]) -> list[Placed]:
    return [Placed(name, n, v) for name, values in table.items() for n, v in enumerate(values)]


def averages(values: list[float], place: str) -> float:
    return sum(values) / len(values)


def test_a_place_gets_its_own_documents_in_their_order() -> None:
    seen: list[tuple[str, list[int]]] = []

    def aggregate(values: list[int], place: str) -> int:
        seen.append((place, values))
        return len(values)

    records = placed({"b": [10, 11, 12], "a": [0, 1, 2]})
    shuffled = [records[i] for i in (4, 0, 3, 5, 2, 1)]
    assert PlacementScores(aggregate, PLACES)(shuffled) == {"a": 3, "b": 3}
    assert seen == [("a", [0, 1, 2]), ("b", [10, 11, 12])]


def test_the_scorer_is_called_once_a_place_for_all_figures() -> None:
    calls: list[str] = []

    def aggregate(values: list[float], place: str) -> float:
        calls.append(place)
        return averages(values, place)

    scores, records = PlacementScores(aggregate, PLACES), placed({"a": [1, 0], "b": [1, 1]})
    # Those of another process arrive as equal copies.
    for copy in (records, list(reversed(records)), pickle.loads(pickle.dumps(records))):  # noqa: S301
        scores(copy)
    scores([r.record() for r in records])
    assert calls == ["a", "b"]
    scores(placed({"a": [0, 0], "b": [1, 1]}))
    assert len(calls) == 4


def test_records_of_arrays_from_another_process() -> None:
    records = placed({"a": [np.array([1, 2]), np.array([3, 4])]})
    scores = PlacementScores(lambda values, place: float(np.sum(values)), PLACES)
    for copy in (records, pickle.loads(pickle.dumps(records))):  # noqa: S301
        assert scores(copy) == {"a": 10.0}


def test_a_document_without_a_verdict_is_left_out() -> None:
    records = placed({"a": [1, None, 0], "b": [0, 1, 0], "c": [1, 1, 0]})
    found = verdicts_by_document(records, PLACES)
    assert found == {0: {"a": True, "b": False, "c": True}, 2: dict.fromkeys(PLACES, False)}
    assert verdicts_by_document(placed({"a": [None]}), ["a"]) == {}


def test_a_scorer_that_writes_into_its_records_changes_nothing() -> None:
    def aggregate(values: list[dict[str, Any]], place: str) -> int:
        assert not any("seen" in value for value in values)
        for value in values:
            value["seen"] = True
        return len(values)

    records = placed({"a": [{"x": 1}], "b": [{"x": 1}]})
    scores = PlacementScores(aggregate, PLACES)
    assert scores(records) == scores(records) == {"a": 1, "b": 1}
    assert records[0].value == {"x": 1}


def test_figures_over_places() -> None:
    scores = {"a": 0.5, "b": 1.0, "c": 0.0}
    assert figures.mean(scores) == 0.5
    assert figures.worst(scores) == 0
    assert figures.worst(scores, higher_is_better=False) == 1
    assert figures.spread(scores) == 1
    assert figures.std(scores) == pytest.approx(math.sqrt(1 / 6))
    assert figures.std({"a": np.float64(3)}) == 0


@pytest.mark.parametrize("scores", [{}, {"a": None}, {"a": 1.0, "b": "file"}, {"a": True}])
@pytest.mark.parametrize("figure", [figures.mean, figures.worst, figures.spread, figures.std])
def test_what_is_no_number_is_never_averaged(figure: Any, scores: dict[str, Any]) -> None:
    assert math.isnan(figure(scores))


def verdicts(table: dict[str, Sequence[Any]]) -> Any:
    return verdicts_by_document(placed({k: list(v) for k, v in table.items()}), list(table))


def test_verdicts() -> None:
    found = verdicts({"original": (1, 1, 0, 0), "a": (1, 0, 1, 0), "b": (1, 1, 0, 0)})
    assert figures.flip_rate(found, "original") == 2 / 8
    assert figures.right_everywhere(found) == 1 / 4
    assert figures.right_somewhere(found) == 3 / 4


def test_verdicts_between_right_and_wrong_are_none() -> None:
    found = verdicts({"original": (1, 0.3), "a": (1, 1)})
    assert found == {}
    assert math.isnan(figures.flip_rate(found, "original"))
    assert math.isnan(figures.right_everywhere(found))
    assert math.isnan(figures.right_somewhere(found))


def test_a_document_that_was_not_shown_everywhere_does_not_count() -> None:
    records = [Placed("original", 0, 1), Placed("a", 0, 1), Placed("original", 1, 0)]
    found = verdicts_by_document(records, ("original", "a"))
    assert list(found) == [0]


def test_a_record_reads_as_its_place() -> None:
    record = Placed("r1c1", 7, {"score": 1})
    copy = pickle.loads(pickle.dumps(record))  # noqa: S301
    assert record == copy == "r1c1"
    assert (copy.document, copy.value) == (7, {"score": 1})
    assert Placed.of(record.record()).value == {"score": 1}


def test_scores_are_short_in_a_table_and_whole_in_a_file() -> None:
    scores = PlacementScores(averages, PLACES)(placed({"a": [1, 0, 0], "b": [1, 1, 1]}))
    assert str(scores) == "0.3333 1"
    assert json.loads(json.dumps(scores)) == {"a": 1 / 3, "b": 1.0}
    files = PlacementScores(lambda values, place: f"out/{place}", PLACES)(placed({"a": [0]}))
    assert str(files) == "1 place(s)"
