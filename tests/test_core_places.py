"""Tables by place, their permutations and Cochran's Q, by loops and by other packages' numbers."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from lmms_bapa.statistics import places
from lmms_bapa.statistics.figures import Interval
from lmms_bapa.statistics.places import PlaceTable, cochran_q, position_test, spread
from lmms_bapa.statistics.spread_test import spread_change, spread_test, true_spread

METHOD = "permutation of places within groups"


def table(scores: np.ndarray) -> PlaceTable:
    return PlaceTable(scores, np.ones_like(scores))


def test_scores_of_one_group_at_one_place_add_up() -> None:
    got = PlaceTable.of(
        [0.5, 0.25, 1, math.nan, 7, 2], [0, 0, 1, 1, 1, 0], [1, 1, 0, 0, -1, 0], (3, 2)
    )
    assert got.sums.tolist() == [[2, 0.75], [1, 0], [0, 0]]
    assert got.counts.tolist() == [[1, 2], [1, 0], [0, 0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert got.means().shape == (1, 2)
        assert got.means()[0].tolist() == pytest.approx([3 / 2, 0.75 / 2])
        weights = np.array([[2.0, 1, 5], [0, 3, 0]])
        means = got.means(weights)
    assert means[0] == pytest.approx([5 / 3, 1.5 / 4])
    assert means[1, 0] == 1
    assert math.isnan(means[1, 1])


@pytest.mark.parametrize(
    ("counts", "complete"), [([1, 1], True), ([2, 2], True), ([1, 2], False), ([0, 0], False)]
)
def test_complete_groups_were_asked_equally_often_everywhere(
    counts: list[float], complete: bool
) -> None:
    got = PlaceTable(np.zeros((2, 2)), np.array([counts, [1.0, 1.0]])).complete
    assert got.tolist() == [complete, True]


def test_the_worst_place_is_the_highest_one_where_lower_is_better() -> None:
    means = np.array([[0.25, 0.75, 0.5], [1.0, 1.0, 0.5]])
    std = [math.sqrt(1 / 24), math.sqrt(1 / 18)]
    assert spread(means) == pytest.approx(np.array([std, [0.5, 0.5], [0.25, 0.5]]))
    assert spread(means, higher_is_better=False)[2].tolist() == [0.75, 1]


SCORES = np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize(("seed", "level"), [(0, 0.95), (9, 0.8)])
def test_the_position_test_is_the_loop_over_the_same_orders(seed: int, level: float) -> None:
    mixed = SCORES[[0, 1, 2, 5]]
    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.broadcast_to(mixed, (4999, 4, 3)), axis=-1)
    stds = [np.std((order.sum(axis=0) + 1) / 6) for order in drawn]  # 1: the group right everywhere
    observed = np.std(SCORES.mean(axis=0))
    got = position_test(table(SCORES), seed, level)
    assert got.permutations == 4999
    assert got.p == pytest.approx((sum(s >= observed - 1e-12 for s in stds) + 1) / 5000)
    low, high = np.quantile(stds, [(1 - level) / 2, (1 + level) / 2])
    assert (got.chance_std.low, got.chance_std.high) == pytest.approx((low, high))
    assert got.chance_std.value == pytest.approx(np.mean(stds))
    assert (got.chance_std.method, got.chance_std.level) == (METHOD, level)
    if not seed:
        assert position_test(table(SCORES)) == got


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_the_range_of_chance_leaves_as_much_on_either_side(level: float) -> None:
    scores = np.random.default_rng(2).normal(size=(9, 4))
    drawn = np.random.default_rng(0).permuted(np.broadcast_to(scores, (4999, 9, 4)), axis=-1)
    stds = np.sort(drawn.mean(axis=1).std(axis=1))
    got = position_test(table(scores), level=level).chance_std
    assert np.mean(stds < got.low) == pytest.approx((1 - level) / 2, abs=3e-4)
    assert np.mean(stds > got.high) == pytest.approx((1 - level) / 2, abs=3e-4)


def test_several_scores_at_a_place_count_as_their_mean() -> None:
    doubled = PlaceTable(2 * SCORES, np.full_like(SCORES, 2))
    one, two = position_test(table(SCORES)), position_test(doubled)
    assert two.p == one.p
    assert two.chance_std.value == pytest.approx(one.chance_std.value)


@pytest.mark.parametrize(
    ("elements", "permutations"),
    [(12 * 4999, 4999), (12 * 3000, 3000), (12 * 3001 - 1, 3000), (12 * 999, 999), (1, 999)],
)
def test_large_tables_get_fewer_permutations(
    monkeypatch: pytest.MonkeyPatch, elements: int, permutations: int
) -> None:
    monkeypatch.setattr(places, "_ELEMENTS", elements)
    got = position_test(table(SCORES))  # 12 scores of it move
    assert got.permutations == permutations
    assert (got.p * (permutations + 1)) == pytest.approx(round(got.p * (permutations + 1)))


@pytest.mark.parametrize("at_once", [1, 12 * 1000, 12 * 4998])
def test_orders_made_piece_by_piece_are_the_same(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    whole = position_test(table(SCORES))
    monkeypatch.setattr(places, "_AT_ONCE", at_once)
    got = position_test(table(SCORES))
    assert got.p == whole.p
    assert got.chance_std.value == pytest.approx(whole.chance_std.value)


def test_scores_that_no_order_changes_have_p_1() -> None:
    got = position_test(table(np.array([[1.0, 1], [0, 0]])))
    assert got.p == 1
    assert (got.chance_std.value, got.chance_std.low, got.chance_std.high) == (0, 0, 0)


@pytest.mark.parametrize(
    "counts", [[[1.0, 0], [2, 1]], [[1.0], [1]]], ids=["no whole group", "one place"]
)
def test_without_groups_or_places_there_is_no_test(counts: list[list[float]]) -> None:
    held = np.array(counts)
    got = position_test(PlaceTable(np.zeros_like(held), held), level=0.8)
    assert math.isnan(got.p)
    want = Interval(math.nan, method="none: no group was asked at every place", level=0.8)
    assert (got.chance_std.method, got.chance_std.level) == (want.method, want.level)
    assert math.isnan(got.chance_std.value)
    assert got.permutations == 0


def test_one_group_and_two_places_are_enough_to_try() -> None:
    got = position_test(table(np.array([[1.0, 0.0]])))
    assert (got.p, got.chance_std.value, got.permutations) == (1, 0.5, 4999)


def test_cochrans_q_by_its_formula() -> None:
    # C = (5, 2, 2), N = 9, R = (1, 2, 2, 3, 0, 1): Q = 2 (3 * 33 - 81) / (27 - 19).
    q, p = cochran_q(SCORES)
    assert q == pytest.approx(2 * (3 * 33 - 81) / (3 * 9 - 19))
    assert p == pytest.approx(stats.chi2.sf(4.5, 2))
    assert cochran_q(np.array([[1, 1], [0, 0]])) == (0.0, 1.0)


def by_hand(scores: np.ndarray) -> float:
    """Signed root of the variance of the means minus what the interaction alone makes of it."""
    n, k = scores.shape
    left = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    excess = scores.mean(0).var() - (left**2).sum() / ((n - 1) * (k - 1)) * (k - 1) / (k * n)
    return math.copysign(math.sqrt(abs(excess)), excess)


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (7, 2), (6, 4)])
def test_the_change_of_the_spread_for_every_size(shape: tuple[int, int]) -> None:
    first, second = np.random.default_rng(shape[0]).normal(size=(2, *shape))
    want = by_hand(second) - by_hand(first)
    assert spread_change(table(first), table(second)) == pytest.approx(want)
    assert 0 < spread_test(table(first), table(second)) <= 1


def test_the_spread_beyond_noise_has_a_sign_and_is_0_up_to_rounding() -> None:
    # Two groups, two places: scores, then their squares around the groups' own means.
    sums = np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 0.0]])
    # Alike groups: no noise, variance 1/4. Mirrored groups: no spread, all of it noise.
    assert true_spread(sums, 2).tolist() == pytest.approx([0.5, -0.5, 0])
    almost = np.array([[1 + 1e-7, 1.0, 1e-14]])
    assert true_spread(almost, 2).tolist() == [0.0]


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (1, 1)])
def test_a_single_group_or_place_has_no_spread(shape: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = table(np.ones(shape))
        assert math.isnan(spread_test(one, one))
        assert math.isnan(spread_change(one, one))


def test_a_group_counts_if_both_settings_asked_it_everywhere() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 6, 3))
    counts = np.ones((2, 6, 3))
    counts[0, 0, 1], counts[1, 5, 2] = 0, 2
    one, two = PlaceTable(first, counts[0]), PlaceTable(second, counts[1])
    whole = table(first[1:5]), table(second[1:5])
    assert spread_change(one, two) == spread_change(*whole)
    assert spread_test(one, two) == spread_test(*whole)


def test_the_seed_and_the_number_of_swaps_reach_the_test() -> None:
    first, second = np.random.default_rng(1).normal(size=(2, 20, 3))
    ps = [spread_test(table(first), table(second), seed, 999) for seed in (0, 1)]
    assert ps[0] != ps[1]
    assert all(p * 1000 == pytest.approx(round(p * 1000)) for p in ps)
    assert spread_test(table(first), table(second), permutations=999) == ps[0]
    all_at_once = spread_test(table(first), table(second))
    assert all_at_once * 10_000 == pytest.approx(round(all_at_once * 10_000))
