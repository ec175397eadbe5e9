"""Which records of the harness's scorers say right or wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmms_bapa.harness.verdicts import verdict

MMBENCH = {"answer": "B", "A": "dog", "B": "cat", "C": "elk", "D": "nan"}


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (1.0, 1.0), (0, 0.0), (True, 1.0), (np.bool_(True), 1.0), (0.3, 0.3),
        ({"score": 1.0}, 1.0), ({"score": False}, 0.0),
        ({"is_correct": True, "pred": "x"}, 1.0),
        ({"pred": " b", "answer": "B"}, 1.0), ({"pred": "a", "answer": "B"}, 0.0),
        ({"parsed_pred": "C", "answer": "C"}, 1.0), ({"parsed_pred": "", "answer": "C"}, 0.0),
        (MMBENCH | {"prediction": "B"}, 1.0), (MMBENCH | {"prediction": "B. cat"}, 1.0),
        (MMBENCH | {"prediction": "A"}, 0.0), (MMBENCH | {"prediction": "no idea"}, 0.0),
        (MMBENCH | {"prediction": "B", "answer": "nan"}, None),
        ({"model_prediction": "Yes, it is", "gt_answer": "1"}, 1.0),
        ({"model_prediction": "No", "gt_answer": "1"}, 0.0),
        ({"prediction": "x", "question": "y"}, None), ("text", None), (None, None),
    ],
)  # fmt: skip
def test_records(value: Any, right: float | None) -> None:
    assert verdict({"metric": value}, "score") == right


def test_the_first_metric_that_tells() -> None:
    assert verdict({"file": {"id": 1}, "accuracy": 1.0, "other": 0.0}, "score") == 1
    assert verdict({"accuracy": 1.0, "other": 0.0}, "score", "other") == 0
    assert verdict({"accuracy": 1.0}, "score", "missing") is None


def test_a_metric_of_errors() -> None:
    assert verdict({"error": 1.0}, "score", lower_is_better={"error"}) == 0
    assert verdict({"error": {"score": 0}}, "score", lower_is_better={"error"}) == 1
    # Such a record says itself what was right.
    assert verdict({"error": {"is_correct": 1}}, "score", lower_is_better={"error"}) == 1


def test_a_score_by_another_name() -> None:
    assert verdict({"metric": {"hit": 1}}, "hit") == 1
