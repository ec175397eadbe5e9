"""The corners of the metrics, where a wrong formula and the right one part; counted by hand."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from lmms_bapa.metrics import paper, placements, probe
from lmms_bapa.metrics.placements import Placed, PlacementScores
from lmms_bapa.metrics.replies import options_in, parse_letter


def test_a_grid_of_three_has_nine_cells() -> None:
    records = [{"cell": cell, "rows": 3, "paper_correct": int(cell > 4)} for cell in range(9)]
    assert paper.paper_cell_accuracy(records) == [[0, 0, 0], [0, 0, 1], [1, 1, 1]]


def test_the_range_is_best_minus_worst_wherever_the_worst_stands() -> None:
    assert placements.spread({"a": 0.75, "b": 0.25, "c": 0.5}) == 0.5


@pytest.mark.parametrize(
    "figure",
    [
        *(placements.mean, placements.worst, placements.spread, placements.std),
        *(probe.cell_std, probe.cell_range, probe.cell_worst, probe.shift_std, probe.shift_range),
    ],
)
def test_no_data_is_no_reason_for_a_warning_of_numpy(figure: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(figure({} if figure.__module__ == placements.__name__ else []))


def test_answers_to_one_document_keep_their_order_and_need_none() -> None:
    """Repeats of a document are told apart by nothing; dictionaries have no order at all."""
    seen: list[Any] = []
    scores = PlacementScores(lambda values, place: seen.append(list(values)) or 0.0, ("a",))
    scores([Placed("a", 1, 7), Placed("a", 0, 3), Placed("a", 0, 1)])
    scores([Placed("a", 0, {"x": 2}), Placed("a", 0, {"x": 1})])
    assert seen == [[3, 1, 7], [{"x": 2}, {"x": 1}]]


def test_other_arrays_have_other_figures() -> None:
    scores = PlacementScores(lambda values, place: float(np.sum(values)), ("a",))
    assert scores([Placed("a", 0, np.array([1, 2]))]) == {"a": 3.0}
    assert scores([Placed("a", 0, np.array([3, 4]))]) == {"a": 7.0}


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        *(("(b)", "B"), ("b.", "B"), ("**c**", "C")),
        *(
            ("a.m. or p.m., I cannot say", None),
            ("d: what?", None),
            ("Xb", None),
        ),  # a small letter in a sentence
    ],
)
def test_a_small_letter_is_an_option_where_nothing_else_is_said(
    reply: str, letter: str | None
) -> None:
    assert parse_letter(reply, "ABCD") == letter


def test_a_capital_at_the_end_of_a_word_is_no_option() -> None:
    assert options_in("Which is better, vitaminA: or vitaminB: ?") == ""
    assert options_in("Which is better, A: this or B: that?") == "AB"


def test_every_letter_can_be_an_option() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert [parse_letter(letter.lower(), letters) for letter in letters] == list(letters)
