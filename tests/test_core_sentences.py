"""Whole sentences of a comparison, each by its case."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lmms_bapa.statistics.figures import Comparison, Interval, TaskFigures
from lmms_bapa.statistics.sentences import is_threshold_shift, sentence

SHOWN = Comparison(
    task="t", metric="accuracy", first="off", second="on", questions=1800, groups=100,
    difference=Interval(0.0314), wins=5, losses=1, p=0.001, test="", p_holm=0.01,
    p_groups=0.001, p_groups_holm=0.02, std_difference=None, std_p=math.nan,
    std_p_holm=math.nan, scores=(0.5, 0.5314),
)  # fmt: skip
OPEN = replace(SHOWN, p_holm=0.6, p_groups_holm=0.5)
SPREAD = replace(
    SHOWN, std_difference=Interval(-0.021), std_p=0.001, std_p_holm=0.01, std_change=-0.02
)
MORE_YES = {"yes_rate": Interval(0.1, 0.05, 0.15)}
SHIFT = "; it says Yes more often, and no gain of {} is shown: it may be a shifted threshold"


@pytest.mark.parametrize(
    ("comparison", "told"),
    [
        (replace(SHOWN, p=math.nan), "no score in both runs"),
        (SHOWN, "better by 3.1 points"),
        (replace(SHOWN, difference=Interval(-0.0314)), "worse by 3.1 points"),
        (replace(SHOWN, higher_is_better=False), "worse by 3.1 points"),
        (replace(SHOWN, scores=(40.0, 43.14), difference=Interval(3.14159)), "better by 3.14"),
        (OPEN, "no difference shown at n = 1,800 in 100 groups"),
        (replace(OPEN, groups=1), "no difference shown at n = 1,800 in 1 group"),
        (replace(OPEN, groups=1800), "no difference shown at n = 1,800"),
        (
            replace(SHOWN, p_groups_holm=0.3, groups=1200),
            "no difference shown over 1,200 groups, though question by question p = 0.01",
        ),
        # At 0.05 itself nothing is shown; without a p over groups there is nothing to set against.
        (replace(OPEN, p_holm=0.05), "no difference shown at n = 1,800 in 100 groups"),
        (
            replace(OPEN, p_holm=0.04, p_groups_holm=math.nan),
            "no difference shown at n = 1,800 in 100 groups",
        ),
        (
            replace(OPEN, p_holm=0.04, p_groups_holm=0.04, p=0.04),
            "better by 3.1 points",
        ),
        (
            replace(OPEN, p_holm=0.06, p_groups_holm=0.02),
            "no difference shown at n = 1,800 in 100 groups",
        ),
    ],
)
def test_the_score(comparison: Comparison, told: str) -> None:
    assert sentence(comparison) == told


@pytest.mark.parametrize(
    ("comparison", "told"),
    [
        (SPREAD, "; spread smaller by 2.1 points"),
        (
            replace(SPREAD, std_difference=Interval(0.021), std_change=0.02),
            "; spread larger by 2.1 points",
        ),
        (replace(SPREAD, std_p_holm=0.05), "; spread: no difference shown"),
        (replace(SPREAD, std_change=0.01), "; spread: no difference shown"),
        (replace(SPREAD, std_p=math.nan), ""),
        (replace(SPREAD, std_difference=None), ""),
    ],
)
def test_the_spread(comparison: Comparison, told: str) -> None:
    assert sentence(comparison) == "better by 3.1 points" + told


@pytest.mark.parametrize(
    ("change", "low", "high", "shown"),
    [
        (-0.021, -0.03, -0.01, True),
        (-0.021, -0.03, 0.0, False),
        (-0.021, 0.01, 0.03, False),
        (0.021, 0.01, 0.03, True),
        (0.021, 0.0, 0.03, False),
        (0.021, -0.03, -0.01, False),
    ],
)
def test_a_spread_of_accuracies_may_be_the_thresholds(
    change: float, low: float, high: float, shown: bool
) -> None:
    extra = {"auroc_std": Interval(0.0, low, high)}
    got = sentence(replace(SPREAD, std_difference=Interval(change), std_change=change, extra=extra))
    word = "smaller" if change < 0 else "larger"
    rest = "" if shown else ", that of the AUROC not shown to be"
    assert got == f"better by 3.1 points; spread {word} by 2.1 points{rest}"


@pytest.mark.parametrize(
    ("extra", "figure"),
    [
        ({"auroc": Interval(0.01, -0.01, 0.02)}, "AUROC"),
        ({"auroc": Interval(0.01, 0.0, 0.02)}, "AUROC"),
        ({"auroc": Interval(0.01, 0.005, 0.02)}, None),
        ({"d_prime": Interval(0.01, -0.01, 0.02)}, "d'"),
        ({"d_prime": Interval(0.01, 0.005, 0.02)}, None),
        # The AUROC knows more than d' does.
        ({"auroc": Interval(0.1, 0.05, 0.2), "d_prime": Interval(0.01, -0.01, 0.02)}, None),
        ({}, None),
    ],
)
def test_a_gain_with_more_yes(extra: dict[str, Interval], figure: str | None) -> None:
    told = SHIFT.format(figure) if figure else ""
    assert sentence(replace(SHOWN, extra={**extra, **MORE_YES})) == "better by 3.1 points" + told


def test_no_threshold_is_named_where_nothing_was_gained_or_yes_is_not_said_more_often() -> None:
    extra = {"auroc": Interval(0.01, -0.01, 0.02)}
    assert not is_threshold_shift(replace(OPEN, extra=extra | MORE_YES))
    assert not is_threshold_shift(replace(SHOWN, extra=extra))
    assert not is_threshold_shift(
        replace(SHOWN, extra=extra | {"yes_rate": Interval(0.1, 0.0, 0.2)})
    )
    assert is_threshold_shift(replace(SHOWN, extra=extra | MORE_YES))


def test_a_comparison_says_what_it_shows() -> None:
    assert SHOWN.is_shown
    assert not replace(SHOWN, p_holm=0.05).is_shown
    assert not replace(SHOWN, p_groups_holm=0.05).is_shown
    assert not replace(SHOWN, p_groups_holm=math.nan).is_shown
    assert not OPEN.is_gain
    assert not replace(SHOWN, difference=Interval(0.0)).is_gain
    assert replace(SHOWN, scores=(0.0, 1.0)).factor == 100
    assert replace(SHOWN, scores=(math.nan, 0.5)).factor == 100
    for scores in ((0.5, 1.01), (-0.01, 0.5), (30.0, math.nan)):
        assert replace(SHOWN, scores=scores).factor == 1


def test_a_spread_is_shown_by_its_p_and_only_in_the_direction_that_is_told() -> None:
    assert SPREAD.is_spread_shown
    assert not replace(SPREAD, std_p_holm=0.05).is_spread_shown
    assert replace(SPREAD, std_change=None).is_spread_shown
    assert not replace(SPREAD, std_change=0.0).is_spread_shown
    assert not replace(SPREAD, std_difference=Interval(0.0)).is_spread_shown
    assert replace(SPREAD, std_difference=None).is_spread_shown
    small = replace(SPREAD, std_change=0.5, std_difference=Interval(0.5))
    assert small.is_spread_shown


def test_what_a_comparison_need_not_be_told() -> None:
    bare = Comparison(
        task="t", metric="accuracy", first="off", second="on", questions=9,
        difference=Interval(0.1), wins=None, losses=None, p=1.0, test="", p_holm=1.0,
        std_difference=None, std_p=math.nan, std_p_holm=math.nan,
    )  # fmt: skip
    assert (bare.groups, dict(bare.extra), bare.std_change) == (0, {}, None)
    assert bare.higher_is_better is True
    for unknown in (bare.p_groups, bare.p_groups_holm, *bare.scores, *bare.stds):
        assert math.isnan(unknown)
    assert len(bare.scores) == len(bare.stds) == 2


def test_a_task_need_not_have_places_or_further_figures() -> None:
    bare = TaskFigures("t", "accuracy", 9, 3, Interval(0.5))
    assert bare.places is None
    assert dict(bare.extra) == {}
