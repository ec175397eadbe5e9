"""Spread over places, detection, AUROC and power against theory, loops and other ways."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lmms_bapa.metrics import probe
from lmms_bapa.statistics.auroc import AurocTable, auroc
from lmms_bapa.statistics.detection import NAMES, YesTable, d_prime
from lmms_bapa.statistics.places import PlaceTable, cochran_q, position_test, spread
from lmms_bapa.statistics.power import (
    Design,
    design_effect,
    groups_for_spread,
    latent_correlation,
    simulate,
    spread_power,
    within_correlation,
)


def table_of(scores: np.ndarray) -> PlaceTable:
    groups, places = np.indices(scores.shape)
    return PlaceTable.of(scores.ravel(), groups.ravel(), places.ravel(), scores.shape)


def test_place_means_are_those_of_the_probe() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 2, (20, 9)).astype(float)
    records = [
        {"group": g, "cell": c, "rows": 3, "asked": "key", "correct": scores[g, c]}
        for g in range(20)
        for c in range(9)
    ]
    std, reach, worst = spread(table_of(scores).means())[:, 0]
    assert std == pytest.approx(probe.cell_std(records))
    assert reach == pytest.approx(probe.cell_range(records))
    assert worst == pytest.approx(probe.cell_worst(records))


def test_no_score_and_no_place_do_not_count() -> None:
    table = PlaceTable.of([1, math.nan, 0, 1], [0, 0, 1, 1], [0, 1, 0, -1], (2, 2))
    means = table.means()[0]
    assert means[0] == 0.5
    assert math.isnan(means[1])
    assert not table.complete.any()
    assert math.isnan(position_test(table).p)
    assert math.isnan(position_test(table).chance_std.value)


def test_weights_count_groups_so_often() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    drawn = table_of(scores[[0, 0, 2]]).means()[0]
    weighted = table_of(scores).means(np.array([[2.0, 0.0, 1.0]]))[0]
    assert weighted == pytest.approx(drawn)


def test_the_position_test_is_the_exact_one_for_a_small_table() -> None:
    scores = np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]])
    observed = scores.mean(axis=0).std()
    rows = [set(itertools.permutations(row)) for row in scores[:3].tolist()]
    stds = [
        np.array([*ways, scores[3]]).mean(axis=0).std() for ways in itertools.product(*rows)
    ]  # every distinct order of a row is as likely
    exact = np.mean(np.array(stds) >= observed - 1e-12)
    got = position_test(table_of(scores))
    assert got.p == pytest.approx(exact, abs=0.025)
    assert got.chance_std.value == pytest.approx(np.mean(stds), abs=0.005)


def test_chance_spread_is_what_theory_says() -> None:
    """Independent answers: place means have variance p (1 - p) / n, so 8/9 of it over nine."""
    rng = np.random.default_rng(1)
    scores = (rng.random((400, 9)) < 0.7).astype(float)
    got = position_test(table_of(scores)).chance_std
    theory = math.sqrt(0.7 * 0.3 / 400)
    # Mean of a chi distribution with 8 degrees of freedom, over the square root of 9 places.
    mean = math.sqrt(2) * math.gamma(4.5) / math.gamma(4) / 3
    assert got.value == pytest.approx(theory * mean, rel=0.05)
    low, high = np.sqrt(stats.chi2.ppf([0.025, 0.975], 8) / 9) * theory
    assert (got.low, got.high) == pytest.approx((low, high), rel=0.08)


def test_p_is_uniform_if_position_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    ps, qs = [], []
    for seed in range(150):
        ability = rng.beta(2, 1, (30, 1))
        scores = (rng.random((30, 5)) < ability).astype(float)
        ps.append(position_test(table_of(scores), seed).p)
        qs.append(cochran_q(scores)[1])
    assert stats.kstest(ps, "uniform").pvalue > 0.01
    assert np.corrcoef(ps, qs)[0, 1] > 0.99  # the exact form of the same test


def test_position_matters_where_it_does() -> None:
    rng = np.random.default_rng(3)
    scores = (rng.random((50, 9)) < np.linspace(0.5, 1, 9)).astype(float)
    got = position_test(table_of(scores))
    assert got.p == 1 / 5000
    assert spread(table_of(scores).means())[0, 0] > got.chance_std.high


def test_cochrans_q_is_mcnemars_statistic_for_two_places() -> None:
    scores = np.array([[1, 0]] * 12 + [[0, 1]] * 4 + [[1, 1]] * 9)
    q, p = cochran_q(scores)
    assert q == pytest.approx((12 - 4) ** 2 / 16)
    assert p == pytest.approx(stats.chi2.sf(4, 1))
    assert cochran_q(np.ones((5, 3))) == (0, 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_relabelling_groups_and_places_changes_no_figure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 2, (8, 4)).astype(float)
    other = scores[rng.permutation(8)][:, rng.permutation(4)]
    one, two = (spread(table_of(s).means())[:, 0] for s in (scores, other))
    assert one == pytest.approx(two)
    assert cochran_q(scores) == pytest.approx(cochran_q(other))


def test_d_prime_by_hand() -> None:
    """Hautus: H = 20.5/26, F = 5.5/26; z from a table of the normal distribution."""
    sensitivity, criterion = d_prime(20, 25, 5, 25)
    assert float(sensitivity) == pytest.approx(2 * 0.8000, abs=0.01)
    assert float(criterion) == pytest.approx(0, abs=1e-12)
    perfect, _ = d_prime(25, 25, 0, 25)
    assert float(perfect) == pytest.approx(2 * stats.norm.isf(0.5 / 26))
    assert math.isnan(float(d_prime(0, 0, 5, 25)[0]))
    assert float(d_prime(25, 25, 25, 25)[1]) < 0  # Yes to everything


def test_reply_figures_are_those_of_the_probe() -> None:
    rng = np.random.default_rng(4)
    records = [
        {
            "group": i % 7,
            "asked": "key" if rng.random() < 0.5 else "absent",
            "said": ["yes", "no", None][rng.integers(3)],
        }
        for i in range(140)
    ]
    for r in records:
        r["correct"] = int(r["said"] == ("yes" if r["asked"] == "key" else "no"))
    said = [r["said"] for r in records]
    table = YesTable.of(
        [r["asked"] == "key" for r in records],
        [s == "yes" for s in said],
        [s == "no" for s in said],
        [r["group"] for r in records],
    )
    got = dict(zip(NAMES, table.figures(np.ones((1, 7)))[:, 0], strict=True))
    assert got["balanced_accuracy"] == pytest.approx(probe.balanced_accuracy(records))
    assert got["yes_rate"] == pytest.approx(probe.yes_rate(records))


def test_auroc_by_hand() -> None:
    assert auroc([3, 2], [1, 2]) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert auroc([1, 1], [1]) == 0.5
    assert math.isnan(auroc([], [1]))


@pytest.mark.parametrize("shared", [True, False])
def test_auroc_of_resamples_is_that_of_the_questions_drawn(shared: bool) -> None:
    rng = np.random.default_rng(5)
    groups, places = 6, 3
    group = np.repeat(np.arange(groups), 2 * places)
    place = np.tile(np.repeat(np.arange(places), 2), groups)
    key = np.tile([True, False], groups * places)
    margin = np.round(rng.normal(size=len(key)) + key, 1)  # with ties
    where = np.where(key | (not shared), place, -1)
    table = AurocTable.of(margin, key, group, where, (groups, places))
    weights = rng.multinomial(groups, np.full(groups, 1 / groups), 5).astype(float)
    for row in weights:
        drawn = np.concatenate(
            [np.flatnonzero(group == g) for g in np.repeat(np.arange(6), row.astype(int))]
        )
        m, k, p = margin[drawn], key[drawn], place[drawn]
        by_place = [auroc(m[k & (p == n)], m[~k & (shared | (p == n))]) for n in range(places)]
        assert table.by_place(row[None])[0] == pytest.approx(by_place, abs=1e-6)
        if shared:
            assert table.overall(row[None])[0] == pytest.approx(auroc(m[k], m[~k]), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=8),
    st.lists(st.integers(-5, 5), min_size=1, max_size=8),
)
def test_auroc_is_free_of_the_threshold(above: list[int], below: list[int]) -> None:
    """Any rising transformation of all margins leaves it, and swapping the sides mirrors it."""
    value = auroc(above, below)
    assert auroc(np.exp(above) - 100, np.exp(below) - 100) == pytest.approx(value)
    assert auroc(below, above) == pytest.approx(1 - value)


def test_a_profile_has_the_spread_asked_for() -> None:
    design = Design.of(0.8, 0.07, 9, 0.2)
    assert np.mean(design.profile) == pytest.approx(0.8)
    assert np.std(design.profile) == pytest.approx(0.07)
    with pytest.raises(ValueError, match=r"can be up to 0\.064"):
        Design.of(0.9, 0.08, 9, 0.2)
    assert Design.of(0.9, 0.064, 9, 0.2)  # what the message says is true


def test_simulated_answers_have_the_design() -> None:
    design = Design((0.6, 0.8, 0.9), 0.3)
    answers = simulate(design, 200_000, 1, np.random.default_rng(0))[0]
    assert answers.mean(axis=0) == pytest.approx(design.profile, abs=0.005)
    level = simulate(Design((0.8, 0.8), 0.3), 200_000, 1, np.random.default_rng(0))[0]
    assert np.corrcoef(level.T)[0, 1] == pytest.approx(0.3, abs=0.01)
    assert within_correlation(level) == pytest.approx(0.3, abs=0.01)


def test_the_latent_correlation_of_half_and_half_is_the_arcsine_law() -> None:
    # P(both > 0) = 1/4 + arcsin(r) / (2 pi), so the signs correlate by 2 arcsin(r) / pi.
    assert latent_correlation(2 * math.asin(0.6) / math.pi, 0.5) == pytest.approx(0.6, abs=1e-3)
    assert latent_correlation(0, 0.7) == 0


def test_within_correlation_of_known_tables() -> None:
    assert within_correlation([[1, 1, 1], [0, 0, 0], [1, 1, 1]]) == pytest.approx(1)
    assert within_correlation([[1, 0], [0, 1], [1, 0], [0, 1]]) == 0
    assert within_correlation(np.ones((4, 3))) == 0
    assert math.isnan(within_correlation([[1, 0]]))


def test_power_of_nothing_is_the_level_and_grows_with_groups() -> None:
    nothing = Design((0.7,) * 9, 0.2)
    assert spread_power(nothing, 60, simulations=2000) == pytest.approx(0.05, abs=0.015)
    some = Design.of(0.7, 0.05, 9, 0.2)
    powers = [spread_power(some, n, simulations=400) for n in (10, 40, 160)]
    assert powers == sorted(powers)
    assert powers[-1] > 0.9


def test_groups_for_a_spread_have_the_power_of_the_noncentral_chi_squared() -> None:
    """Independent answers: Q is about chi-squared with noncentrality n k std^2 / (p (1 - p))."""
    design = Design.of(0.5, 0.06, 4, 0.0)
    got = groups_for_spread(design, simulations=3000)
    assert got is not None
    within = 0.25 - 0.06**2
    powers = stats.ncx2.sf(stats.chi2.isf(0.05, 3), 3, np.arange(1, 1000) * 4 * 0.06**2 / within)
    theory = int(np.argmax(powers >= 0.8)) + 1
    assert got == pytest.approx(theory, rel=0.12)
    assert groups_for_spread(Design((0.5,) * 3, 0.0), simulations=20, power=0.99) is None


def test_the_design_effect_of_copies_is_their_number() -> None:
    assert design_effect(1, 18) == 18
    assert design_effect(0, 18) == 1
