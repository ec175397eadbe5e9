"""What an interval says of itself: its level and how it was made, and when there is none."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from lmms_bapa.statistics.figures import Interval
from lmms_bapa.statistics.intervals import mean_interval, wilson

STUDENT = "Student t, standard error clustered by group"
ALIKE = "Wilson over groups, as all scores are alike"


def textbook(hits: int, count: int, level: float) -> tuple[float, float]:
    """Wilson's interval from its formula."""
    z, share = stats.norm.ppf((1 + level) / 2), hits / count
    middle = share + z**2 / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return tuple((middle + sign * reach) / (1 + z**2 / count) for sign in (-1, 1))


def assert_is(got: Interval, want: Interval) -> None:
    assert (got.method, got.level) == (want.method, want.level)
    for end in ("value", "low", "high"):
        assert getattr(got, end) == pytest.approx(getattr(want, end), nan_ok=True), end


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_share_at_any_level(level: float) -> None:
    assert_is(wilson(3, 10, level), Interval(0.3, *textbook(3, 10, level), "Wilson", level))
    assert_is(wilson(0, 0, level), Interval(math.nan, math.nan, math.nan, "Wilson", level))


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_mean_at_any_level(level: float) -> None:
    t = stats.t.ppf((1 + level) / 2, 3)  # four groups
    assert_is(
        mean_interval([2.0, 4, 6, 8], 0.5, 4, level),
        Interval(5, 5 - 0.5 * t, 5 + 0.5 * t, STUDENT, level),
    )
    for score in (0.0, 1.0):
        ends = textbook(int(score) * 4, 4, level)
        got = mean_interval([score] * 20, 0.0, 4, level)
        assert_is(got, Interval(score, *ends, ALIKE, level))


def test_the_level_is_95_percent_unless_another_is_asked_for() -> None:
    for got in (wilson(3, 10), wilson(0, 0), mean_interval([1, 0, 1], 0.3, 3)):
        assert got.level == 0.95
    assert Interval(0.5) == Interval(0.5, Interval(0).low, Interval(0).high, "", 0.95)
    assert math.isnan(Interval(0.5).low)
    assert math.isnan(Interval(0.5).high)


@pytest.mark.parametrize(
    ("scores", "error", "groups", "value", "method"),
    [
        ([0.3] * 4, 0.0, 4, 0.3, "none: all scores are alike"),
        ([0.2, 0.4], 0.1, 1, 0.3, "none: a single group"),
        ([0.2, 0.4], math.nan, 2, 0.3, "none: a single group"),
        ([], 0.1, 3, math.nan, ""),
        ([math.nan], 0.1, 3, math.nan, ""),
    ],
)
def test_without_an_interval_the_reason_and_the_level_stay(
    scores: list[float], error: float, groups: int, value: float, method: str
) -> None:
    got = mean_interval(scores, error, groups, 0.8)
    assert_is(got, Interval(value, math.nan, math.nan, method, 0.8))


def test_two_groups_are_enough() -> None:
    reach = stats.t.ppf(0.975, 1) * 0.01
    assert_is(mean_interval([2, 4], 0.01, 2), Interval(3, 3 - reach, 3 + reach, STUDENT, 0.95))


def test_the_interval_of_a_share_ends_at_0_and_at_1_and_others_do_not() -> None:
    got = mean_interval([True, False, True], 0.4, 3)  # verdicts are as good as numbers
    assert (got.low, got.high) == (0, 1)
    got = mean_interval([0.5, 0.7, 0.9], 0.4, 3)
    assert got.low < 0
    assert got.high > 1
