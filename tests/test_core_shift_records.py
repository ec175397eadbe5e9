"""What one reply adds to the figures of a shifted task, and names that collide."""

from __future__ import annotations

from typing import Any

import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.shift_metrics import (
    Form,
    check_names,
    records,
    reply_records,
    writes_files,
)
from lmms_bapa.metrics.placements import Placed
from lmms_bapa.shift.layouts import LAYOUTS, Layout
from lmms_bapa.shift.layouts.grid import Grid
from lmms_bapa.shift.placement import Placement
from lmms_bapa.shift.spec import ShiftSpec

SPEC = ShiftSpec(layout=Grid(rows=2))
LETTERS, YES_NO, FREE = Form("letter", "ABCD"), Form("yes_no"), Form("free")


class Corner(Layout):
    """A layout of somebody else's, with one place only."""

    @property
    def placements(self) -> tuple[Placement, ...]:
        return (Placement("corner", 0, 0),)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Short records, which are equal to the name of their place, as triples."""
    return {
        key: (str(value), value.document, value.value) if isinstance(value, Placed) else value
        for key, value in found.items()
    }


def in_full(place: str, document: int, value: Any) -> dict[str, Any]:
    return {"placement": place, "document": document, "value": value}


VALUES = {"errors": 0.25, "submission": {"text": "B"}, "hits": 1.0}


def test_a_reply_to_the_unshifted_picture() -> None:
    assert plain(records(SPEC, ("original", 7), VALUES, "score")) == {
        "errors_original": 0.25,
        "submission_original": {"text": "B"},
        "hits_original": 1.0,
        "flip_rate": in_full("original", 7, 0.25),
        "right_everywhere": ("original", 7, 0.25),
        "right_somewhere": ("original", 7, 0.25),
    }


def test_a_reply_at_another_place() -> None:
    # In full once a metric, and a file has nothing to be averaged.
    errors, hits = ("r2c1", 7, 0.25), ("r2c1", 7, 1.0)
    assert plain(records(SPEC, ("r2c1", 7), VALUES, "score")) == {
        "errors_placements": in_full(*errors),
        "errors_mean": errors,
        "errors_worst": errors,
        "errors_range": errors,
        "errors_std": errors,
        "submission_placements": in_full("r2c1", 7, {"text": "B"}),
        "hits_placements": in_full(*hits),
        "hits_mean": hits,
        "hits_worst": hits,
        "hits_range": hits,
        "hits_std": hits,
        "flip_rate": in_full(*errors),
        "right_everywhere": errors,
        "right_somewhere": errors,
    }


def test_without_other_places_there_is_no_verdict() -> None:
    unmoved = ShiftSpec(layout=LAYOUTS["none"]())
    assert records(unmoved, ("original", 0), {"hits": 1.0}, "score") == {"hits_original": 1.0}


def test_one_other_place_is_enough_for_a_verdict() -> None:
    spec = ShiftSpec(layout=Corner())
    for where in ("original", "corner"):
        found = plain(records(spec, (where, 0), {"hits": 1}, "score"))
        assert found["flip_rate"] == in_full(where, 0, 1)
        assert found["right_everywhere"] == found["right_somewhere"] == (where, 0, 1)


@pytest.mark.parametrize(
    ("verdict", "values", "score_key", "lower", "right"),
    [
        (None, {"hits": 1.0}, "score", (), 1),
        (None, {"hits": 1.0}, "score", {"hits"}, 0),
        (None, {"hits": 1.0}, "score", {"errors"}, 1),
        (None, {"hits": {"score": 0}}, "score", (), 0),
        (None, {"hits": {"points": 1, "score": 0}}, "points", (), 1),
        (None, {"text": "B", "hits": 1}, "score", (), 1),  # the first that tells
        (None, {"text": "B"}, "score", (), None),
        ("hits", {"errors": 1, "hits": 0}, "score", (), 0),
        ("errors", {"hits": 1, "errors": 1}, "score", ["errors"], 0),
        ("text", {"text": "B", "hits": 1}, "score", (), None),
    ],
)
@pytest.mark.parametrize("place", ["original", "r1c2"])
def test_whether_a_reply_is_right(
    place: str, verdict: str | None, values: Any, score_key: str, lower: Any, right: float | None
) -> None:
    spec = ShiftSpec(layout=Grid(rows=2), verdict=verdict)
    found = plain(records(spec, (place, 3), values, score_key, lower))
    assert found["flip_rate"] == in_full(place, 3, right)
    assert found["right_everywhere"] == found["right_somewhere"] == (place, 3, right)


@pytest.mark.parametrize(
    ("form", "reply", "unread"),
    [
        (LETTERS, "The answer is B.", 0.0),
        (LETTERS, "E", 1.0),  # not offered
        (LETTERS, "A dog", 1.0),
        (YES_NO, "Yes, it is.", 0.0),
        (YES_NO, "B", 1.0),
        (FREE, "B", 0.0),
        (FREE, " \n", 1.0),
        (FREE, 0, 0.0),  # a filter may have made a number of it
        (FREE, "", 1.0),
        (FREE, (), 1.0),
        (FREE, [[]], 1.0),
        (YES_NO, ("no", "perhaps"), 0.0),
        (YES_NO, ("perhaps", "no"), 1.0),
    ],
)
def test_a_reply_that_cannot_be_read(form: Form, reply: Any, unread: float) -> None:
    found = reply_records(("r1c1", 4), form, [reply, "yes B"], "points")
    assert found == {"unparsed": {"placement": "r1c1", "document": 4, "points": unread}}


@pytest.mark.parametrize(
    ("form", "probability"), [(LETTERS, 1 / 4), (Form("letter", "AB"), 1 / 2), (YES_NO, 1 / 2),
                              (Form("yes_no", "ABCD"), 1 / 2), (FREE, None)]
)  # fmt: skip
def test_a_question_counts_once_for_chance(form: Form, probability: float | None) -> None:
    found = plain(reply_records(("original", 4), form, [], "score"))
    assert found == {
        "unparsed": {"placement": "original", "document": 4, "score": 1.0},
        "chance": ("original", 4, probability),
    }


def test_a_form_offers_nothing_unless_it_says_so() -> None:
    assert Form("free").options == ""


@pytest.mark.parametrize("taken", ["placement", "document", "value"])
def test_a_name_for_scores_that_our_records_use(taken: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_names(SPEC, ["hits"], taken)
    assert str(caught.value) == (
        f"score_key: {taken} is a name that the records of places use: choose another"
    )


def test_a_verdict_that_no_metric_has() -> None:
    spec = ShiftSpec(layout=Grid(), verdict="hit")
    with pytest.raises(UsageError) as caught:
        check_names(spec, ["errors", "hits"], "score")
    assert str(caught.value) == "shift.verdict='hit': did you mean hits?"
    check_names(spec, ["errors", "hit"], "score")
    check_names(SPEC, [], "score")


@pytest.mark.parametrize(
    ("metric", "file"),
    [("submission", True), ("mmbench_submission_en", True), ("accuracy", False), ("submit", False)],
)
def test_a_metric_that_writes_files_says_so_in_its_name(metric: str, file: bool) -> None:
    assert writes_files(metric) is file
