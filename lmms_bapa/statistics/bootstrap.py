"""Bootstrap intervals over groups: the questions of a group are not independent."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lmms_bapa.statistics.figures import Interval
from lmms_bapa.statistics.intervals import LEVEL

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]

RESAMPLES = 1999
# The jackknife of BCa costs groups x groups, and its correction vanishes with their number.
BCA_GROUPS = 2000
_ELEMENTS = 4_000_000  # numbers held at once


def bootstrap(
    statistic: Statistic,
    groups: int,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> list[Interval]:
    """Several figures with bootstrap intervals, from the same resamples of the groups.

    BCa: Efron (1987), Better bootstrap confidence intervals, by ``scipy.stats.bootstrap`` on the
    numbers of the groups. A resample reaches the statistic as how often each group was drawn.
    Where BCa has no value (the figure lies outside of all resamples, as an extreme may) or there
    are more than 2,000 groups, the ends are percentiles, and ``method`` says so. Where all
    resamples give the same figure, or there is one group only, the ends are NaN: such a sample
    does not tell how much the figure varies.

    Args:
        statistic: maps weights, shape (resamples, groups), to figures, shape (figures, resamples).
        groups: their number.
        seed: of the resampling.
        resamples: how many.
        level: confidence.
    """
    values = statistic(np.ones((1, groups)))[:, 0]
    if groups < 2:
        return [Interval(float(v), method="none: a single group", level=level) for v in values]

    def of_indices(drawn: NDArray[np.int64], axis: int = -1) -> Array:
        del axis  # always the last
        found = statistic(_counts(np.atleast_2d(drawn), groups))
        return found[:, 0] if drawn.ndim == 1 else found

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of degenerate resamples, which we report as NaN
        result = stats.bootstrap(
            (np.arange(groups),),
            of_indices,
            n_resamples=resamples,
            batch=max(1, _ELEMENTS // groups),
            vectorized=True,
            confidence_level=level,
            method="BCa" if groups <= BCA_GROUPS else "percentile",
            rng=np.random.default_rng(seed),
        )
        drawn = result.bootstrap_distribution
        tails = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    interval = result.confidence_interval
    ends = np.stack([interval.low, interval.high])
    return [
        _interval(float(value), ends[:, i], tails[:, i], drawn[i], groups, level)
        for i, value in enumerate(values)
    ]


def _interval(
    value: float, ends: Array, tails: Array, drawn: Array, groups: int, level: float
) -> Interval:
    if np.isnan(value) or np.isnan(drawn).any():
        return Interval(value, method="none: not defined in every resample", level=level)
    if np.ptp(drawn) < 1e-12:
        return Interval(value, method="none: all resamples give the same", level=level)
    if groups > BCA_GROUPS or np.isnan(ends).any():
        low, high, method = *tails, "percentile bootstrap over groups"
    else:
        low, high, method = *ends, "BCa bootstrap over groups"
    return Interval(value, float(low), float(high), method, level)


def _counts(drawn: NDArray[np.int64], groups: int) -> Array:
    """How often each group was drawn: indices (resamples, any) -> weights (resamples, groups)."""
    rows = len(drawn)
    flat = (drawn + groups * np.arange(rows)[:, None]).ravel()
    return np.bincount(flat, minlength=rows * groups).reshape(rows, groups).astype(float)
