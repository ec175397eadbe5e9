"""Yes and No as detection, counted by hand group by group."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from lmms_bapa.statistics.detection import NAMES, YesTable, d_prime

# Three groups, the second without questions: Yes is right six times, No is right four times.
POSITIVE = [1, 1, 1, 0, 0, 1, 1, 1, 0, 0]
SAID_YES = [1, 1, 0, 1, 0, 1, 0, 0, 0, 0]
SAID_NO = [0, 0, 1, 0, 1, 0, 1, 0, 1, 0]
GROUP = [0, 0, 0, 0, 0, 2, 2, 2, 2, 2]


def test_replies_are_counted_by_group() -> None:
    table = YesTable.of(POSITIVE, SAID_YES, SAID_NO, GROUP)
    assert table.hits.tolist() == [2, 0, 1]
    assert table.positives.tolist() == [3, 0, 3]
    assert table.false_alarms.tolist() == [1, 0, 0]
    assert table.rejections.tolist() == [1, 0, 1]
    assert table.negatives.tolist() == [2, 0, 2]
    assert table.hits.dtype == float


def test_a_last_group_of_one_kind_of_question_has_its_place() -> None:
    table = YesTable.of([1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 1])
    assert table.positives.tolist() == [1, 1]
    assert table.negatives.tolist() == [1, 0]
    assert table.rejections.tolist() == [1, 0]
    assert table.false_alarms.tolist() == [0, 0]


def test_figures_by_hand_for_every_resample() -> None:
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [0.0, 3.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = YesTable.of(POSITIVE, SAID_YES, SAID_NO, GROUP).figures(weights)
    assert NAMES == ("balanced_accuracy", "yes_rate", "d_prime", "criterion")
    assert got.shape == (4, 3)
    z = stats.norm.ppf
    for column, (hits, positives, alarms, rejections, negatives) in enumerate(
        [(3, 6, 1, 2, 4), (5, 9, 2, 3, 6)]
    ):
        hit, alarm = z((hits + 0.5) / (positives + 1)), z((alarms + 0.5) / (negatives + 1))
        assert got[:, column] == pytest.approx(
            [
                (hits / positives + rejections / negatives) / 2,
                (hits + alarms) / (positives + negatives),
                hit - alarm,
                -(hit + alarm) / 2,
            ]
        )
    assert all(math.isnan(value) for value in got[:, 2])


@pytest.mark.parametrize(
    ("positives", "negatives"), [(0, 5), (5, 0), (0, 0)], ids=["no Yes", "no No", "nothing"]
)
def test_one_kind_of_question_alone_tells_nothing_apart(positives: int, negatives: int) -> None:
    sensitivity, criterion = d_prime(0, positives, 0, negatives)
    assert math.isnan(float(sensitivity))
    assert math.isnan(float(criterion))


def test_one_question_of_each_kind_is_enough() -> None:
    sensitivity, criterion = d_prime([1, 1], [1, 1], [0, 1], [1, 1])
    z = stats.norm.ppf(0.75)  # (1 + 0.5) / (1 + 1)
    assert sensitivity.tolist() == pytest.approx([2 * z, 0])
    assert criterion.tolist() == pytest.approx([0, -z])


def test_counts_may_be_narrow_integers() -> None:
    narrow = [np.array([count], dtype=np.uint8) for count in (200, 255, 3, 255)]
    assert d_prime(*narrow)[0].item() == pytest.approx(d_prime(200, 255, 3, 255)[0].item())
