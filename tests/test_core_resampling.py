"""Bootstrap and paired permutations against the same draws made by hand, and their edges."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from lmms_bapa.statistics import bootstrap as resampling
from lmms_bapa.statistics import paired, places, power
from lmms_bapa.statistics.bootstrap import bootstrap
from lmms_bapa.statistics.figures import ALPHA, Interval
from lmms_bapa.statistics.intervals import LEVEL
from lmms_bapa.statistics.paired import holm, mcnemar, swap_test

X = np.random.default_rng(3).gamma(2, size=30)
PERCENTILE = "percentile bootstrap over groups"


def mean(weights: np.ndarray) -> np.ndarray:
    return (weights @ X / weights.sum(axis=1))[None]


def different(weights: np.ndarray) -> np.ndarray:
    """How many groups were drawn at all: no resample has as many as the sample."""
    return (weights > 0).sum(axis=1, dtype=float)[None]


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_level_is_the_one_asked_for(level: float) -> None:
    (got,) = bootstrap(mean, 30, seed=7, resamples=400, level=level)
    want = stats.bootstrap(
        (X,), np.mean, n_resamples=400, confidence_level=level, rng=np.random.default_rng(7)
    ).confidence_interval
    assert (got.low, got.high) == pytest.approx((want.low, want.high))
    assert (got.method, got.level) == ("BCa bootstrap over groups", level)


def test_the_seed_is_0_the_resamples_1999_and_the_level_95_percent() -> None:
    (got,) = bootstrap(mean, 30)
    want = stats.bootstrap(
        (X,), np.mean, n_resamples=1999, rng=np.random.default_rng(0)
    ).confidence_interval
    assert (got.low, got.high) == pytest.approx((want.low, want.high), rel=1e-12)
    assert got.level == 0.95


def test_where_bca_has_no_value_the_ends_are_percentiles() -> None:
    (got,) = bootstrap(different, 30, seed=7, resamples=400, level=0.8)
    rows = np.random.default_rng(7).integers(0, 30, (400, 30))
    low, high = np.quantile([len(set(row)) for row in rows.tolist()], [0.1, 0.9])
    assert got == Interval(30, low, high, PERCENTILE, 0.8)


def test_beyond_the_groups_of_bca_the_ends_are_percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "BCA_GROUPS", 30)
    (got,) = bootstrap(mean, 30, seed=7, resamples=400)
    want = stats.bootstrap((X,), np.mean, n_resamples=400, rng=np.random.default_rng(7))
    assert got.method == "BCa bootstrap over groups"
    assert (got.low, got.high) == pytest.approx(tuple(want.confidence_interval))
    monkeypatch.setattr(resampling, "BCA_GROUPS", 29)
    (got,) = bootstrap(mean, 30, seed=7, resamples=400)
    assert got.method == PERCENTILE
    means = X[np.random.default_rng(7).integers(0, 30, (400, 30))].mean(axis=1)
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))


def test_resamples_made_piece_by_piece_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(weights: np.ndarray) -> np.ndarray:
        sizes.append(len(weights))
        return mean(weights)

    whole = bootstrap(counted, 30, resamples=100)
    assert max(sizes) == 100
    sizes.clear()
    monkeypatch.setattr(resampling, "_ELEMENTS", 30 * 40)
    assert bootstrap(counted, 30, resamples=100) == whole
    assert max(sizes) == 40
    sizes.clear()
    monkeypatch.setattr(resampling, "_ELEMENTS", 29)  # less than one resample: one at a time
    (got,) = bootstrap(counted, 30, resamples=20)
    assert max(sizes) == 1
    assert got.low < got.high


def test_an_interval_that_there_is_not_says_why() -> None:
    def figures(weights: np.ndarray) -> np.ndarray:
        gone = np.where(weights[:, 0] > 0, weights[:, 1], np.nan)
        never = np.full(len(weights), np.nan)
        return np.stack([np.full(len(weights), 0.5), gone, never])

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what cannot be told is in ``method``, not in a warning
        got = bootstrap(figures, 10, resamples=50, level=0.8)
    reasons = [
        (0.5, "none: all resamples give the same"),
        (1.0, "none: not defined in every resample"),
        (math.nan, "none: not defined in every resample"),
    ]
    for one, (value, reason) in zip(got, reasons, strict=True):
        assert one.value == pytest.approx(value, nan_ok=True)
        assert (one.method, one.level) == (reason, 0.8)
        assert math.isnan(one.low)
        assert math.isnan(one.high)


def test_one_group_has_no_interval_and_two_have() -> None:
    (alone,) = bootstrap(lambda w: w[:, :1].T * 5.0, 1, level=0.8)
    assert (alone.value, alone.method, alone.level) == (5, "none: a single group", 0.8)
    assert math.isnan(alone.low)
    pair = np.array([0.0, 1.0])
    (got,) = bootstrap(lambda w: (w @ pair / 2)[None], 2)
    assert (got.value, got.low, got.high) == (0.5, 0, 1)


GROUPS = np.random.default_rng(8).integers(0, 4, (2, 20, 1)).astype(float)


def column(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0]


@pytest.mark.parametrize("seed", [0, 5])
def test_random_swaps_are_counted_as_phipson_and_smyth_do(seed: int) -> None:
    first, second = GROUPS
    change = (second - first)[:, 0]
    change = change[change != 0]
    assert 13 < len(change) < 20
    swaps = np.random.default_rng(seed).integers(0, 2, (500, len(change)))
    observed = change.sum()
    extreme = sum(abs(observed - 2 * (row * change).sum()) >= abs(observed) for row in swaps)
    got = swap_test(first, second, column, seed, 500)
    assert got == pytest.approx((extreme + 1) / 501)
    if not seed:
        assert swap_test(first, second, column, permutations=500) == got
    assert swap_test(second.tolist(), first.tolist(), column, seed, 500) == got


def test_thirteen_groups_are_tried_in_all_ways_and_fourteen_at_random() -> None:
    rng = np.random.default_rng(4)
    first, second = np.add(rng.normal(size=(2, 14, 1)), [[[0.0]], [[0.9]]])
    exact = swap_test(first[:13], second[:13], column)
    changes = (second - first)[:13, 0]
    signs = np.array(np.meshgrid(*[[-1, 1]] * 13)).reshape(13, -1)
    ways = np.abs(changes @ signs)
    assert exact == pytest.approx(np.mean(ways >= abs(changes.sum()) - 1e-9))
    assert exact * 8192 == pytest.approx(round(exact * 8192))
    many = swap_test(first, second, column)
    assert many * 10_000 == pytest.approx(round(many * 10_000))
    # A group that is the same under both settings makes no further way.
    same = np.vstack([first[:13], first[13:]]), np.vstack([second[:13], first[13:]])
    assert swap_test(*same, column) == pytest.approx(exact)


@pytest.mark.parametrize("at_once", [1, 23, 61, 1000])
def test_swaps_made_piece_by_piece_are_the_same(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    first, second = GROUPS[:, :6]
    whole = swap_test(first, second, column)
    many = swap_test(*GROUPS, column, permutations=30)
    monkeypatch.setattr(paired, "_AT_ONCE", at_once)
    assert swap_test(first, second, column) == whole
    assert swap_test(*GROUPS, column, permutations=30) == many


def test_a_statistic_of_several_columns_sees_whole_groups() -> None:
    first = np.array([[1.0, 5.0], [2.0, 1.0], [0.0, 3.0]])
    second = np.array([[1.0, 7.0], [4.0, 1.0], [3.0, 2.0]])
    ways = []
    for swap in np.ndindex(2, 2, 2):
        mask = np.array(swap)[:, None] == 1
        one, two = np.where(mask, second, first).sum(0), np.where(mask, first, second).sum(0)
        ways.append(abs(two[0] * two[1] - one[0] * one[1]))
    got = swap_test(first, second, lambda s: s[:, 0] * s[:, 1])
    assert got == pytest.approx(np.mean(np.array(ways) >= ways[0] - 1e-9))
    assert 0 < got < 1


def test_a_figure_that_is_not_defined_has_no_p() -> None:
    undefined = swap_test([[1.0], [0.0]], [[0.0], [0.0]], lambda s: np.full(len(s), np.nan))
    assert math.isnan(undefined)


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(1, 0, 1), (0, 1, 1), (1, 1, 1), (2, 0, 0.5), (6, 1, 16 / 128)]
)
def test_mcnemar_of_few_questions_is_the_coins_binomial(wins: int, losses: int, p: float) -> None:
    assert mcnemar(wins, losses) == pytest.approx(p)


def test_holm_of_equal_and_of_certain_ps() -> None:
    assert holm([0.02, 0.02, 0.02]) == pytest.approx([0.06] * 3)
    assert holm([1.0, 0.9, 0.0]) == [1.0, 1.0, 0.0]
    assert holm([0.04]) == [0.04]
    got = holm([math.nan, 0.01, math.nan, 0.04, 0.03])
    assert got[1::2] == pytest.approx([0.03, 0.06])
    assert got[4] == pytest.approx(0.06)
    assert math.isnan(got[0])
    assert math.isnan(got[2])


def test_numbers_that_the_documentation_names() -> None:
    assert (resampling.RESAMPLES, resampling.BCA_GROUPS) == (1999, 2000)
    assert paired.PERMUTATIONS == 9999
    assert (places.PERMUTATIONS, places.FEWEST_PERMUTATIONS) == (4999, 999)
    assert power.MOST_GROUPS == 20_000
    assert (ALPHA, LEVEL) == (0.05, 0.95)
