"""What the statistics say: values with their uncertainty. Shares are in [0, 1], never percent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ALPHA = 0.05


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval; NaN where there is no data.

    Attributes:
        value: the figure.
        low: lower end.
        high: upper end.
        method: how the interval was made, such as ``Wilson`` or ``BCa bootstrap over groups``.
        level: its confidence.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    method: str = ""
    level: float = 0.95


@dataclass(frozen=True)
class PlaceFigures:
    """What one setting did at each place of one task, and whether place mattered.

    Attributes:
        names: the places; of a grid ``row 1, column 1`` and so on, row-major.
        rows: side of the grid, or None where the places are not the cells of one.
        score: per place.
        auroc: per place, from the Yes/No margins; empty where there are none.
        std: population standard deviation of the scores over the places.
        range: best place minus worst place.
        worst: the worst place's score; the highest one where lower is better.
        chance_std: the standard deviation that chance alone gives at this sample size, with its
            central range under permutation of the places.
        matters_p: p of "position does not matter".
        matters_test: the test behind it.
        auroc_std: population standard deviation of ``auroc`` over the places.
    """

    names: Sequence[str]
    rows: int | None
    score: Sequence[Interval]
    auroc: Sequence[float]
    std: Interval
    range: Interval
    worst: Interval
    chance_std: Interval
    matters_p: float
    matters_test: str
    auroc_std: Interval


@dataclass(frozen=True)
class TaskFigures:
    """What one setting did on one task.

    Attributes:
        task: its name.
        metric: whose per-document scores these are, such as ``accuracy`` or ``exact_match``.
        questions: how many scores.
        groups: how many independent groups they fall into.
        score: mean score, with a standard error clustered by group.
        places: by place; None for a task without places.
        extra: further figures by name, such as ``balanced_accuracy``, ``yes_rate``, ``d_prime``,
            ``auroc``; those that do not apply are absent.
    """

    task: str
    metric: str
    questions: int
    groups: int
    score: Interval
    places: PlaceFigures | None = None
    extra: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Two settings on the same questions of one task; differences are second minus first.

    Attributes:
        task: name of the task.
        metric: whose per-document scores these are.
        first: label of the first setting (the baseline).
        second: label of the second.
        questions: questions that both answered.
        difference: of the mean scores, paired bootstrap over groups.
        wins: questions that only the second has right; None if the scores are not 0 or 1.
        losses: questions that only the first has right; None likewise.
        p: exact McNemar's, which takes questions as independent, or a paired permutation test's
            over groups where scores are not 0 or 1.
        test: its name.
        p_holm: ``p`` after Holm's correction over all comparisons made together.
        std_difference: difference of the spreads over places, paired bootstrap over groups; None
            for a task without places.
        std_p: p of "the spreads are equal", paired permutation; NaN without places.
        std_p_holm: ``std_p`` after Holm's correction.
        groups: independent groups that the questions fall into.
        p_groups: p of a paired permutation of whole groups; ``p`` itself where every question is
            a group of its own.
        p_groups_holm: ``p_groups`` after Holm's correction.
        extra: differences of further figures by name, as in :class:`TaskFigures`, and
            ``auroc_std``, with paired bootstrap intervals; those that do not apply are absent.
        scores: mean score of the first and of the second on these questions.
        stds: their standard deviations over the places; NaN without places.
        std_change: difference of the spreads without their noise, what ``std_p`` is about; None
            where it is not known.
        higher_is_better: whether a higher score is a better one.
    """

    task: str
    metric: str
    first: str
    second: str
    questions: int
    difference: Interval
    wins: int | None
    losses: int | None
    p: float
    test: str
    p_holm: float
    std_difference: Interval | None
    std_p: float
    std_p_holm: float
    groups: int = 0
    p_groups: float = math.nan
    p_groups_holm: float = math.nan
    extra: Mapping[str, Interval] = field(default_factory=dict)
    scores: tuple[float, float] = (math.nan, math.nan)
    stds: tuple[float, float] = (math.nan, math.nan)
    std_change: float | None = None
    higher_is_better: bool = True

    @property
    def is_shown(self) -> bool:
        """Whether a difference of the scores is shown: question by question, and over groups."""
        return self.p_holm < ALPHA and self.p_groups_holm < ALPHA

    @property
    def factor(self) -> float:
        """100 for shares, which are shown in percent; 1 for scores beyond 0 to 1."""
        known = [score for score in self.scores if not math.isnan(score)]
        return 100.0 if all(0 <= score <= 1 for score in known) else 1.0

    @property
    def is_gain(self) -> bool:
        """Whether the second is shown to be better."""
        return self.is_shown and (self.difference.value > 0) == self.higher_is_better

    @property
    def is_spread_shown(self) -> bool:
        """Whether a difference of the spreads over places is shown."""
        # The plain spreads are what is told: nothing is said of a change that goes the other way.
        if (
            self.std_change is not None
            and self.std_difference is not None
            and self.std_change * self.std_difference.value <= 0
        ):
            return False
        return self.std_p_holm < ALPHA
