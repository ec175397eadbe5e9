"""The table of won pairs beside the plain AUROC: sparse groups, many questions, no questions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from lmms_bapa.statistics.auroc import AurocTable, auroc

ONCE = np.ones((1, 3))


def own_places() -> tuple[np.ndarray, ...]:
    """Three groups at two places, absent questions at the same places; no tie with another."""
    margin = np.array([3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0, 5.5, 3.5, 8.0, 7.0])
    key = np.tile([1, 0], 6)  # zeros and ones are as good as False and True
    place = np.tile([0, 0, 1, 1], 3)
    group = np.repeat([0, 1, 2], 4)
    return margin, key, group, place


def test_all_pairs_are_those_within_a_place_for_every_resample() -> None:
    margin, key, group, place = own_places()
    table = AurocTable.of(margin, key, group, place, (3, 2))
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    for row, overall, areas in zip(
        weights, table.overall(weights), table.by_place(weights), strict=True
    ):
        won, pairs = np.zeros(2), np.zeros(2)
        for one in np.flatnonzero(key == 1):
            for other in np.flatnonzero(key == 0):
                if place[one] == place[other]:
                    times = row[group[one]] * row[group[other]]
                    won[place[one]] += times * (margin[one] > margin[other])
                    pairs[place[one]] += times
        assert overall == pytest.approx(won.sum() / pairs.sum())
        assert areas == pytest.approx(won / pairs)
    both = table.overall_and_spread(weights)
    assert both[0] == pytest.approx(table.overall(weights))
    assert both[1] == pytest.approx(np.std(table.by_place(weights), axis=1))


def test_absent_questions_at_the_first_place_alone_are_compared_there_alone() -> None:
    table = AurocTable.of([2, 3, 1, 5], [1, 1, 0, 0], [0, 1, 0, 1], [0, 1, 0, 0], (2, 2))
    areas = table.by_place(np.ones((1, 2)))[0]
    assert areas[0] == 0.5
    assert math.isnan(areas[1])


def test_groups_and_places_without_questions_count_nothing_and_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The last group has no absent question, and nothing was asked at the second place.
        table = AurocTable.of([2, 1, 3], [1, 0, 1], [0, 0, 2], [0, 0, 0], (3, 2))
        assert table.overall(ONCE) == pytest.approx([1.0])
        assert math.isnan(table.by_place(ONCE)[0, 1])
        assert table.positives.tolist() == [[1, 0], [0, 0], [1, 0]]
        assert table.negatives.tolist() == [[1, 0], [0, 0], [0, 0]]
        shared = AurocTable.of([2, 1], [1, 0], [0, 0], [0, -1], (3, 1))
        assert shared.negatives.tolist() == [[1], [0], [0]]
        nothing = AurocTable.of([], [], [], [], (3, 2))
        assert math.isnan(nothing.overall(ONCE)[0])


def test_wins_take_half_the_memory_of_doubles() -> None:
    # They grow as places times the square of groups.
    assert AurocTable.of(*own_places(), (3, 2)).wins.dtype == np.float32


def test_thousands_of_questions_are_all_counted_once() -> None:
    rng = np.random.default_rng(0)
    above, below = np.round(rng.normal(1, 1, 1300), 1), np.round(rng.normal(0, 1, 7), 1)
    margin, key = np.r_[above, below], np.r_[np.ones(1300), np.zeros(7)]
    group = np.r_[np.arange(1300) % 3, np.zeros(7, int)]
    place = np.r_[np.zeros(1300, int), np.full(7, -1)]
    table = AurocTable.of(margin, key, group, place, (3, 1))
    wins = sum((above[:, None] > below).ravel()) + 0.5 * sum((above[:, None] == below).ravel())
    assert table.wins.sum() == wins
    assert table.overall(ONCE)[0] == pytest.approx(auroc(above, below))
