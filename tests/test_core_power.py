"""The power of a design: the simulation against a loop, the search against a known answer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from lmms_bapa.statistics import power
from lmms_bapa.statistics.places import cochran_q
from lmms_bapa.statistics.power import (
    Design,
    design_effect,
    groups_for_spread,
    latent_correlation,
    simulate,
    spread_power,
)

DESIGN = Design((0.5, 0.7, 0.9), 0.2)


def by_loop(sizes: list[int], groups: int, alpha: float, seed: int) -> float:
    """Share of simulated tables whose Q is beyond the critical value of chi-squared."""
    rng, critical = np.random.default_rng(seed), stats.chi2.isf(alpha, 2)
    tables = [table for size in sizes for table in simulate(DESIGN, groups, size, rng)]
    return sum(cochran_q(table)[0] > critical for table in tables) / len(tables)


@pytest.mark.parametrize(("alpha", "seed"), [(0.05, 0), (0.3, 4)])
def test_the_power_is_the_share_of_tables_that_are_found(alpha: float, seed: int) -> None:
    got = spread_power(DESIGN, 12, alpha, 60, seed)
    assert got == by_loop([60], 12, alpha, seed)
    assert 0 < got < 1


@pytest.mark.parametrize(
    ("at_once", "sizes"), [(36 * 25, [25, 25, 10]), (36 * 30, [30, 30]), (1, [1] * 6)]
)
def test_tables_simulated_piece_by_piece_are_all_counted(
    monkeypatch: pytest.MonkeyPatch, at_once: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(power, "_AT_ONCE", at_once)
    assert spread_power(DESIGN, 12, simulations=sum(sizes)) == by_loop(sizes, 12, 0.05, 0)


def test_a_thousand_tables_unless_told_otherwise() -> None:
    got = spread_power(DESIGN, 6)
    assert got == spread_power(DESIGN, 6, 0.05, 1000, 0)
    assert got == by_loop([1000], 6, 0.05, 0)


def test_q_of_many_tables_is_that_of_each() -> None:
    rng = np.random.default_rng(0)
    tables = rng.integers(0, 2, (40, 3, 4)).astype(float)
    tables[::4] = np.ones((3, 1)) * np.array([[1.0] * 4])
    tables[1::4, :, :] = rng.integers(0, 2, (10, 3, 1))  # nothing varies within a group
    want = [cochran_q(table)[0] for table in tables]
    assert power._cochran_qs(tables).tolist() == pytest.approx(want)
    assert want.count(0) >= 20
    # The least that can vary: one group, two places.
    assert power._cochran_qs(np.array([[[1.0, 0.0]]])).tolist() == [1]


def test_a_profile_rises_from_the_worst_place_to_the_best() -> None:
    design = Design.of(0.6, 0.1, 3, 0.25)
    step = 0.1 * math.sqrt(3 / 2)
    assert design.profile == pytest.approx((0.6 - step, 0.6, 0.6 + step))
    assert design.correlation == 0.25
    assert all(isinstance(p, float) for p in design.profile)


@pytest.mark.parametrize(
    ("accuracy", "spread", "places", "most"),
    [(0.5, 0.5, 2, "0.5"), (0.3, 0.3, 2, "0.3"), (0.7, 0.3, 2, "0.3"), (0.25, 0.25, 3, "0.204")],
)
def test_a_profile_lies_strictly_between_0_and_1(
    accuracy: float, spread: float, places: int, most: str
) -> None:
    told = (
        f"a spread of {spread:g} does not fit round an accuracy of {accuracy:g} at "
        f"{places} places: it can be up to {most}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Design.of(accuracy, spread, places, 0.0)
    assert Design.of(accuracy, 0.9 * float(most), places, 0.0)


def test_two_answers_are_both_right_as_often_as_their_correlation_says() -> None:
    for correlation, accuracy in ((0.2, 0.8), (0.6, 0.3), (0.05, 0.5)):
        r = latent_correlation(correlation, accuracy)
        cut = stats.norm.ppf(accuracy)
        both = stats.multivariate_normal.cdf([cut, cut], cov=[[1, r], [r, 1]])
        got = (both - accuracy**2) / (accuracy * (1 - accuracy))
        assert got == pytest.approx(correlation, abs=2e-4)
    assert latent_correlation(-0.1, 0.5) == 0
    assert latent_correlation(0, 0.5) == 0
    assert latent_correlation(0.9999, 0.5) == 0.999  # as near to copies as the search goes


def stairs(
    fewest: int, asked: tuple[float, int, int] = (0.05, 1000, 0), target: float = 0.8
) -> Callable[..., float]:
    """A power that reaches its target with ``fewest`` groups, for these arguments alone."""

    def found(design: Design, groups: int, alpha: float, simulations: int, seed: int) -> float:
        assert design is DESIGN
        assert (alpha, simulations, seed) == asked
        return target if groups >= fewest else target - 0.001

    return found


def test_few_groups_are_found_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    for fewest in (0, 1, 2, 3, 4, 5, 37, 63, 64, 65):
        monkeypatch.setattr(power, "spread_power", stairs(fewest))
        assert groups_for_spread(DESIGN) == max(2, fewest)


def test_many_groups_are_found_to_two_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    for fewest in (130, 1000, 1025, 8191, 16000):
        monkeypatch.setattr(power, "spread_power", stairs(fewest))
        got = groups_for_spread(DESIGN)
        assert got is not None
        assert fewest <= got <= 1.02 * fewest + 1


def test_what_is_asked_for_reaches_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "spread_power", stairs(21, (0.01, 77, 5), 0.95))
    assert groups_for_spread(DESIGN, 0.01, 0.95, 77, 5) == 21
    assert groups_for_spread(DESIGN, alpha=0.01, power=0.95, simulations=77, seed=5) == 21


def test_the_search_ends_with_the_most_groups_that_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(power, "MOST_GROUPS", 64)
    for fewest, want in ((60, 60), (64, 64), (65, None), (10**9, None)):
        monkeypatch.setattr(power, "spread_power", stairs(fewest))
        assert groups_for_spread(DESIGN) == want


def test_the_design_effect_is_kishs() -> None:
    assert design_effect(0.25, 5) == 2
    assert design_effect(0.5, 1) == 1
