"""Intervals and tests against scipy by another way, formulas and hand-computed numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmms_eval.api.metrics import clustered_stderr
from scipy import stats

from lmms_bapa.statistics.bootstrap import BCA_GROUPS, bootstrap
from lmms_bapa.statistics.intervals import is_binary, mean_interval, wilson
from lmms_bapa.statistics.paired import holm, mcnemar, swap_test

P = st.floats(0, 1)


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 10), (481, 900)])
def test_wilson_is_the_textbook_formula(hits: int, count: int) -> None:
    z, share = stats.norm.ppf(0.975), hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count)
    reach *= math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    got = wilson(hits, count)
    assert got.value == share
    assert (got.low, got.high) == pytest.approx((middle - reach, middle + reach), abs=1e-12)


def test_wilson_without_data_is_nan() -> None:
    got = wilson(0, 0)
    assert math.isnan(got.value)
    assert math.isnan(got.low)


def test_a_mean_has_students_interval() -> None:
    scores = [0.1, 0.5, 0.7, 0.2, 0.9]
    got = mean_interval(scores, clustered_stderr(scores, list(range(5))), 5)
    ends = stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert (got.low, got.high) == pytest.approx((ends.low, ends.high))


def test_all_alike_is_no_certainty() -> None:
    right = mean_interval([1.0] * 40, 0.0, 10)
    assert right.value == 1
    assert right.low == pytest.approx(wilson(10, 10).low)
    other = mean_interval([0.3] * 40, 0.0, 10)
    assert other.value == pytest.approx(0.3)
    assert math.isnan(other.low)
    assert mean_interval([1.0, 0.0] * 3, 0.6, 2).low == 0  # a share stays a share


def test_an_interval_leaves_out_what_has_no_score() -> None:
    got = mean_interval([math.nan, 1, 0, 1], 0.3, 3)
    assert got.value == pytest.approx(2 / 3)
    assert math.isnan(mean_interval([math.nan], 0.1, 1).value)
    assert math.isnan(mean_interval([1, 0], 0.3, 1).low)
    assert is_binary([0, 1, math.nan])
    assert not is_binary([0, 0.5])


def test_the_bootstrap_is_scipys_bca_where_groups_are_single_numbers() -> None:
    x = np.random.default_rng(3).gamma(2, size=40)
    got = bootstrap(lambda w: (w @ x / w.sum(axis=1))[None], 40, seed=7, resamples=500)[0]
    expected = stats.bootstrap(
        (x,), np.mean, n_resamples=500, method="BCa", rng=np.random.default_rng(7)
    ).confidence_interval
    assert got.value == pytest.approx(x.mean())
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    assert got.method == "BCa bootstrap over groups"


def test_a_bootstrap_of_a_ratio_resamples_groups_and_not_questions() -> None:
    """Groups whose questions are all alike: the standard error is that of so few groups."""
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 60).astype(float)
    size = np.full(60, 20.0)
    got = bootstrap(lambda w: ((w @ (right * size)) / (w @ size))[None], 60)[0]
    reach = 1.96 * math.sqrt(right.mean() * (1 - right.mean()) / 60)
    assert got.high - got.low == pytest.approx(2 * reach, rel=0.12)


def test_several_figures_share_resamples_and_odd_ones_do_not_hurt_the_others() -> None:
    x = np.arange(10.0)

    def figures(w: np.ndarray) -> np.ndarray:
        mean = w @ x / w.sum(axis=1)
        gone = np.where(w[:, 0] > 0, mean, np.nan)
        largest = (np.where(w > 0, x, -1)).max(axis=1)
        return np.stack([mean, np.ones(len(w)), gone, largest])

    mean, constant, undefined, largest = bootstrap(figures, 10, resamples=400)
    assert mean.low < 4.5 < mean.high
    for odd, value in ((constant, 1), (undefined, 4.5)):
        assert odd.value == value
        assert math.isnan(odd.low)
        assert math.isnan(odd.high)
        assert odd.method.startswith("none")
    assert largest.value == 9
    assert largest.low <= 9


def test_one_group_has_no_interval_and_very_many_have_percentiles() -> None:
    alone = bootstrap(lambda w: w[:, :1].T * 5.0, 1)[0]
    assert alone.value == 5
    assert math.isnan(alone.low)
    many = BCA_GROUPS + 1
    x = np.random.default_rng(0).normal(size=many)
    got = bootstrap(lambda w: (w @ x / many)[None], many, resamples=300)[0]
    assert got.method.startswith("percentile")
    expected = stats.norm.interval(0.95, x.mean(), x.std() / math.sqrt(many))
    assert (got.low, got.high) == pytest.approx(expected, abs=0.01)


def test_bca_covers_what_it_says() -> None:
    """200 samples of 30 groups of 9 alike answers: about 95 % of intervals have the truth."""
    rng = np.random.default_rng(5)
    covered = 0
    for i in range(200):
        shares = rng.beta(8, 2, 30)
        sums = rng.binomial(9, shares).astype(float)
        got = bootstrap(lambda w, s=sums: (w @ s / (9 * w.sum(axis=1)))[None], 30, i, 300)[0]
        covered += got.low <= 0.8 <= got.high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(5, 0, 0.0625), (0, 5, 0.0625), (0, 0, 1), (3, 3, 1), (8, 1, 20 / 512)],
)
def test_mcnemar_is_exact(wins: int, losses: int, p: float) -> None:
    assert mcnemar(wins, losses) == pytest.approx(p)


def test_a_swap_of_few_groups_is_scipys_exact_test() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 9))
    second = second + 0.5
    expected = stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.abs(np.mean(b - a, axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    ).pvalue
    got = swap_test(first[:, None], second[:, None], lambda sums: sums[:, 0] / 9)
    assert got == pytest.approx(expected)


def test_a_swap_of_single_questions_is_mcnemar() -> None:
    first = np.array([0] * 9 + [1] * 2 + [1] * 30)
    second = np.array([1] * 9 + [0] * 2 + [1] * 30)
    got = swap_test(first[:, None], second[:, None], lambda sums: sums[:, 0])
    assert got == pytest.approx(mcnemar(9, 2))


def test_a_swap_test_never_says_zero_and_is_one_for_no_difference() -> None:
    first, second = np.zeros((40, 1)), np.ones((40, 1))
    assert swap_test(first, second, lambda s: s[:, 0], permutations=199) == 1 / 200
    assert swap_test(first, first, lambda s: s[:, 0]) == 1
    assert math.isnan(swap_test(np.zeros((0, 1)), np.zeros((0, 1)), lambda s: s[:, 0]))


def test_the_spread_swap_is_the_loop() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 2, (2, 6, 4)).astype(float)

    def std(table: np.ndarray) -> float:
        return float(np.std(table.mean(axis=0)))

    observed, extreme = abs(std(second) - std(first)), 0
    for swaps in itertools.product([False, True], repeat=6):
        mask = np.array(swaps)[:, None]
        one, two = np.where(mask, second, first), np.where(mask, first, second)
        extreme += abs(std(two) - std(one)) >= observed - 1e-9
    got = swap_test(first, second, lambda sums: (sums / 6).std(axis=1))
    assert got == pytest.approx(extreme / 64)


def test_swaps_of_null_data_have_uniform_p() -> None:
    rng = np.random.default_rng(11)
    ps = [
        swap_test(*rng.normal(size=(2, 25, 1)), lambda s: s[:, 0], seed=i, permutations=199)
        for i in range(200)
    ]
    assert stats.kstest(ps, "uniform").pvalue > 0.01


def test_holm_by_hand() -> None:
    # Holm (1979): sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    got = holm([0.02, math.nan, 0.6, 0.8])
    assert got[0] == pytest.approx(0.06)
    assert math.isnan(got[1])
    assert got[2:] == [1.0, 1.0]
    assert holm([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(P, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_order_and_rejects_what_the_definition_rejects(
    ps: list[float], dice: object
) -> None:
    got = holm(ps)
    order = list(range(len(ps)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    assert holm([ps[i] for i in order]) == pytest.approx([got[i] for i in order])
    alpha, ranked, rejected = 0.05, sorted(range(len(ps)), key=lambda i: ps[i]), set()
    for rank, i in enumerate(ranked):
        if ps[i] > alpha / (len(ps) - rank):
            break
        rejected.add(i)
    assert {i for i, p in enumerate(got) if p <= alpha + 1e-12} == rejected
