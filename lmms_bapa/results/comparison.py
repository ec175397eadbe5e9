"""From the scores of two settings on the same questions to what differs."""

from __future__ import annotations

import math

import numpy as np

from lmms_bapa.results.scores import Array
from lmms_bapa.results.task_figures import AUROC_RESAMPLES, Tables
from lmms_bapa.statistics import detection
from lmms_bapa.statistics.bootstrap import bootstrap
from lmms_bapa.statistics.figures import Comparison, Interval
from lmms_bapa.statistics.intervals import is_binary
from lmms_bapa.statistics.paired import mcnemar, swap_test
from lmms_bapa.statistics.places import PlaceTable
from lmms_bapa.statistics.spread_test import spread_change, spread_test


def compare_scores(
    first: Tables, second: Tables, labels: tuple[str, str], seed: int = 0
) -> Comparison:
    """Compares two settings; Holm's corrections are left to who makes several comparisons.

    Args:
        first: the baseline.
        second: the other, on the same questions in the same order.
        labels: how they are called.
        seed: of resamples and permutations.
    """
    one, two = first.scores, second.scores
    both = ~np.isnan(one.score) & ~np.isnan(two.score)
    a, b, group = one.score[both], two.score[both], one.group[both]
    groups = len(set(group.tolist()))
    wins, losses, p, test, p_groups = _tests(a, b, group, one.groups, seed)
    figures = _Differences(first, second, both)
    found = dict(zip(figures.names, bootstrap(figures, one.groups, seed), strict=True))
    std_p, stds, std_change = math.nan, (math.nan, math.nan), None
    if figures.places is not None:
        std_p = spread_test(*figures.places, seed)
        std_change = spread_change(*figures.places)
        before, after = (float(table.means()[0].std()) for table in figures.places)
        stds = before, after
    return Comparison(
        task=one.task,
        metric=one.metric,
        first=labels[0],
        second=labels[1],
        questions=int(both.sum()),
        difference=found.pop("difference"),
        wins=wins,
        losses=losses,
        p=p,
        test=test,
        p_holm=math.nan,
        std_difference=found.pop("std", None),
        std_p=std_p,
        std_p_holm=math.nan,
        groups=groups,
        p_groups=p_groups,
        extra=found | _auroc_differences(first, second, seed),
        scores=(_mean(a), _mean(b)),
        stds=stds,
        std_change=std_change,
        higher_is_better=one.higher_is_better,
    )


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else math.nan


def _tests(
    a: Array, b: Array, group: np.ndarray, groups: int, seed: int
) -> tuple[int | None, int | None, float, str, float]:
    """Wins, losses, p, the test's name, and p over groups."""
    if not a.size:
        return None, None, math.nan, "none: no score in both runs", math.nan
    sums = [np.bincount(group, weights=x, minlength=groups)[:, None] for x in (a, b)]
    binary = is_binary(a) and is_binary(b)
    wins, losses = int(np.sum(b > a)), int(np.sum(b < a))
    alone = len(set(group.tolist())) == a.size
    if binary and alone:
        p = mcnemar(wins, losses)
        return wins, losses, p, "exact McNemar", p
    p_groups = swap_test(sums[0], sums[1], lambda column: column[:, 0] / a.size, seed)
    if binary:
        return wins, losses, mcnemar(wins, losses), "exact McNemar", p_groups
    return None, None, p_groups, "paired permutation of groups", p_groups


class _Differences:
    """Differences of the figures of two settings for resamples of the groups.

    Attributes:
        names: of the figures, in order.
        places: both tables by place, on questions that have a score in both; None without places.
    """

    def __init__(self, first: Tables, second: Tables, both: np.ndarray) -> None:
        one, two = first.scores, second.scores
        size = one.groups
        self._change = np.bincount(
            one.group[both], weights=two.score[both] - one.score[both], minlength=size
        )
        self._count = np.bincount(one.group[both], minlength=size).astype(float)
        self.names = ["difference"]
        self.places: tuple[PlaceTable, PlaceTable] | None = None
        if one.places:
            shape = (size, len(one.places))
            group, place = one.group[both], one.place[both]
            self.places = (
                PlaceTable.of(one.score[both], group, place, shape),
                PlaceTable.of(two.score[both], group, place, shape),
            )
            self.names.append("std")
        self._replies = (first.replies, second.replies)
        if first.replies is not None:
            self.names += detection.NAMES
        self._original: Array | None = None
        if one.original is not None and two.original is not None:
            self._original = two.original - one.original
            self.names.append("original")

    def __call__(self, weights: Array) -> Array:
        """Figures for weights (resamples, groups), shape (figures, resamples)."""
        with np.errstate(invalid="ignore"):
            rows = [(weights @ self._change) / (weights @ self._count)]
            if self.places is not None:
                before, after = (table.means(weights).std(axis=1) for table in self.places)
                rows.append(after - before)
            before_replies, after_replies = self._replies
            if before_replies is not None and after_replies is not None:
                rows += list(after_replies.figures(weights) - before_replies.figures(weights))
            if self._original is not None:
                known = ~np.isnan(self._original)
                change = np.where(known, self._original, 0.0)
                rows.append((weights @ change) / (weights @ known.astype(float)))
        return np.stack(rows)


def _auroc_differences(first: Tables, second: Tables, seed: int) -> dict[str, Interval]:
    one, two = first.margins, second.margins
    if one is None or two is None:
        return {}

    def statistic(weights: Array) -> Array:
        change: Array = two.overall_and_spread(weights) - one.overall_and_spread(weights)
        return change

    found = bootstrap(statistic, first.scores.groups, seed, AUROC_RESAMPLES)
    names = ("auroc", "auroc_std") if first.scores.places else ("auroc",)
    return dict(zip(names, found, strict=False))
