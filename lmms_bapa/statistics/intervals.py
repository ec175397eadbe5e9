"""Confidence intervals of shares and of means."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lmms_bapa.statistics.figures import Interval

LEVEL = 0.95


def wilson(hits: int, count: int, level: float = LEVEL) -> Interval:
    """A share with Wilson's score interval.

    Wilson (1927), Probable inference, the law of succession, and statistical inference; from
    ``scipy.stats.binomtest``. The observations are taken as independent.

    Args:
        hits: how many of them.
        count: of how many; 0 gives NaN.
        level: confidence.
    """
    if count == 0:
        return Interval(math.nan, method="Wilson", level=level)
    ends = stats.binomtest(hits, count).proportion_ci(level, method="wilson")
    return Interval(hits / count, float(ends.low), float(ends.high), "Wilson", level)


def mean_interval(
    scores: ArrayLike, standard_error: float, groups: int, level: float = LEVEL
) -> Interval:
    """A mean with Student's interval around it.

    The ends of a mean of zeros and ones stay within [0, 1]. Where all scores are alike, the
    standard error is 0 whatever the sample size, which is no certainty: zeros and ones then get
    Wilson's interval with one observation a group, other scores get none (NaN).

    Args:
        scores: all of them; NaN is no score.
        standard_error: of their mean, clustered by group if the groups are larger than one.
        groups: independent groups; the degrees of freedom are one less.
        level: confidence.
    """
    values = np.asarray(scores, dtype=float)
    values = values[~np.isnan(values)]
    if not values.size:
        return Interval(math.nan, level=level)
    mean = math.fsum(values.tolist()) / values.size
    binary = is_binary(values)
    if np.ptp(values) == 0:
        if not binary:
            return Interval(mean, method="none: all scores are alike", level=level)
        ends = wilson(round(mean) * groups, groups, level)
        method = "Wilson over groups, as all scores are alike"
        return Interval(mean, ends.low, ends.high, method, level)
    if groups < 2 or math.isnan(standard_error):
        return Interval(mean, method="none: a single group", level=level)
    reach = float(stats.t.ppf((1 + level) / 2, groups - 1)) * standard_error
    low, high = mean - reach, mean + reach
    if binary:
        low, high = max(low, 0.0), min(high, 1.0)
    return Interval(mean, low, high, "Student t, standard error clustered by group", level)


def is_binary(scores: ArrayLike) -> bool:
    """Whether all scores are 0 or 1; NaN is no score."""
    values = np.asarray(scores, dtype=float)
    return bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
