"""The test of two spreads: of noise that differs, of places that differ, and by a loop."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lmms_bapa.statistics.figures import Comparison, Interval
from lmms_bapa.statistics.places import PlaceTable
from lmms_bapa.statistics.spread_test import spread_change, spread_test

EVEN = np.zeros(9)
SLOPE = np.linspace(-1, 1, 9)


def answers(rng: np.random.Generator, profile: np.ndarray, groups: int = 40) -> PlaceTable:
    """Zeros and ones that correlate within groups."""
    shared = rng.standard_normal((groups, 1))
    latent = math.sqrt(0.3) * shared + math.sqrt(0.7) * rng.standard_normal((groups, 9))
    return table((latent < stats.norm.ppf(profile)).astype(float))


def table(scores: np.ndarray) -> PlaceTable:
    return PlaceTable(scores, np.ones_like(scores))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EVEN + 0.9, EVEN + 0.9),
        (EVEN + 0.97, EVEN + 0.6),  # the plain spread finds this in two of three runs
        (0.8 + 0.15 * SLOPE, 0.65 + 0.15 * SLOPE),
    ],
)
def test_equal_spreads_are_seldom_told_apart_whatever_the_levels(
    first: np.ndarray, second: np.ndarray
) -> None:
    rng = np.random.default_rng(3)
    ps = [spread_test(answers(rng, first), answers(rng, second), seed, 199) for seed in range(200)]
    # 5 % of 200 are 10; more than 20 have a probability below 0.001.
    assert sum(p <= 0.05 for p in ps) <= 20


def test_a_bias_that_is_gone_is_found() -> None:
    rng = np.random.default_rng(4)
    biased = np.r_[0.5, EVEN[1:] + 0.95]
    ps = [spread_test(answers(rng, biased), answers(rng, EVEN + 0.9), i, 199) for i in range(20)]
    assert sum(p <= 0.05 for p in ps) >= 18


def test_it_is_the_loop_over_all_swaps_of_the_two_way_analysis_of_variance() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, 2, (2, 6, 4)).astype(float)

    def root(scores: np.ndarray) -> float:
        n, k = scores.shape
        residual = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
        noise = (residual**2).sum() / ((n - 1) * (k - 1)) * (k - 1) / (k * n)
        excess = scores.mean(0).var() - noise
        return math.copysign(math.sqrt(abs(excess)), excess)

    observed, extreme = abs(root(second) - root(first)), 0
    for swaps in itertools.product([False, True], repeat=6):
        mask = np.array(swaps)[:, None]
        one, two = np.where(mask, second, first), np.where(mask, first, second)
        extreme += abs(root(two) - root(one)) >= observed - 1e-9
    assert spread_test(table(first), table(second)) == pytest.approx(extreme / 64)


def test_groups_that_were_not_asked_everywhere_are_left_out() -> None:
    rng = np.random.default_rng(6)
    first, second = (answers(rng, 0.7 + 0.2 * SLOPE, 12) for _ in range(2))
    holes = np.ones((12, 9))
    holes[:4, 0] = 0
    got = spread_test(PlaceTable(first.sums * holes, holes), PlaceTable(second.sums * holes, holes))
    assert got == spread_test(table(first.sums[4:]), table(second.sums[4:]))
    one = table(np.ones((1, 9)))
    assert math.isnan(spread_test(one, one))


def test_the_change_is_what_the_test_looks_at_and_not_the_plain_spreads() -> None:
    rng = np.random.default_rng(1)
    noisy, uneven = answers(rng, EVEN + 0.5, groups=12), answers(rng, 0.93 + 0.06 * SLOPE, 400)
    few = table(uneven.sums[:12])
    for before, after in ((noisy, few), (few, noisy)):
        want = 0.0
        for sign, scores in ((-1, before.sums), (1, after.sums)):
            groups, places = scores.shape
            means = scores.mean(axis=0)
            left = scores - scores.mean(axis=1, keepdims=True) - means + means.mean()
            error = (left**2).sum() / ((groups - 1) * (places - 1))
            excess = means.var() - error * (places - 1) / (places * groups)
            want += sign * math.copysign(math.sqrt(abs(excess)), excess)
        assert spread_change(before, after) == pytest.approx(want)
    assert math.isnan(spread_change(table(np.ones((1, 9))), table(np.ones((1, 9)))))


def test_nothing_is_said_of_a_change_that_goes_the_other_way() -> None:
    nothing = Interval(math.nan)
    found = Comparison(
        task="t", metric="accuracy", first="off", second="on", questions=9, difference=nothing,
        wins=None, losses=None, p=1.0, test="", p_holm=1.0,
        std_difference=Interval(-0.03), std_p=0.001, std_p_holm=0.001,
    )  # fmt: skip
    assert replace(found, std_change=-0.02).is_spread_shown
    assert not replace(found, std_change=0.02).is_spread_shown
