"""Scores by place: their spread, and whether it is more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lmms_bapa.statistics.bootstrap import Array
from lmms_bapa.statistics.figures import Interval
from lmms_bapa.statistics.intervals import LEVEL

PERMUTATIONS = 4999
FEWEST_PERMUTATIONS = 999
_ELEMENTS = 30_000_000  # numbers drawn, beyond which fewer permutations are made
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class PlaceTable:
    """Scores added up by group and place.

    Attributes:
        sums: of the scores, shape (groups, places).
        counts: how many scores, shape (groups, places).
    """

    sums: Array
    counts: Array

    @classmethod
    def of(
        cls, scores: ArrayLike, groups: ArrayLike, places: ArrayLike, shape: tuple[int, int]
    ) -> Self:
        """Adds up scores; those that are NaN, or whose place is negative, do not count.

        Args:
            scores: one per question.
            groups: number of each question's group.
            places: number of each question's place.
            shape: how many groups and places there are.
        """
        values, where = np.asarray(scores, dtype=float), np.asarray(places)
        kept = (where >= 0) & ~np.isnan(values)
        at = (np.asarray(groups)[kept], where[kept])
        sums, counts = np.zeros(shape), np.zeros(shape)
        np.add.at(sums, at, values[kept])
        np.add.at(counts, at, 1.0)
        return cls(sums, counts)

    def means(self, weights: Array | None = None) -> Array:
        """Mean score of each place; NaN without data.

        Args:
            weights: shape (resamples, groups): how often each group counts; None: once.

        Returns:
            Shape (resamples, places).
        """
        given = np.ones((1, len(self.sums))) if weights is None else weights
        with np.errstate(invalid="ignore"):
            found: Array = (given @ self.sums) / (given @ self.counts)
        return found

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Groups that were asked equally often at every place, shape (groups,)."""
        return np.asarray((self.counts > 0).all(1) & (np.ptp(self.counts, axis=1) == 0))


def spread(means: Array, higher_is_better: bool = True) -> Array:
    """Population standard deviation, range and worst of place means.

    Args:
        means: shape (resamples, places).
        higher_is_better: whether the worst is the lowest.

    Returns:
        Shape (3, resamples).
    """
    low, high = means.min(axis=1), means.max(axis=1)
    return np.stack([means.std(axis=1), high - low, low if higher_is_better else high])


@dataclass(frozen=True)
class PositionTest:
    """Whether the spread over places is more than chance.

    Attributes:
        p: of "position does not matter"; NaN without a group that was asked at every place.
        chance_std: spread that chance gives: its mean, and its central range.
        permutations: how many were made.
    """

    p: float
    chance_std: Interval
    permutations: int


def position_test(table: PlaceTable, seed: int = 0, level: float = LEVEL) -> PositionTest:
    """Permutes the places within each group: what chance alone makes of the spread.

    If position does not matter, the scores of one group are as likely in any other order. The
    spread is then compared with that of 4,999 random orders (fewer, down to 999, for very large
    tables); p = (b + 1) / (n + 1), Phipson and Smyth (2010), Permutation p-values should never be
    zero. For 0/1 scores this is the exact form of Cochran's Q, which grows with the same spread.

    Groups that were not asked at every place are left out.
    """
    rows = table.complete
    sums, counts = table.sums[rows], table.counts[rows]
    places = table.sums.shape[1]
    if not len(sums) or places < 2:
        nothing = Interval(math.nan, method="none: no group was asked at every place", level=level)
        return PositionTest(math.nan, nothing, 0)
    total = counts.sum(axis=0)
    observed = float((sums.sum(axis=0) / total).std())
    moving = np.ptp(sums, axis=1) > 0  # the others are the same in any order
    fixed, mixed = sums[~moving].sum(axis=0), sums[moving]
    wanted = _ELEMENTS // max(1, mixed.size)
    permutations = min(PERMUTATIONS, max(FEWEST_PERMUTATIONS, wanted))
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // max(1, mixed.size))
    stds = []
    for start in range(0, permutations, step):
        size = min(step, permutations - start)
        orders = rng.permuted(np.broadcast_to(mixed, (size, *mixed.shape)), axis=-1)
        stds.append(((fixed + orders.sum(axis=1)) / total).std(axis=-1))
    chance = np.concatenate(stds)
    p = (np.sum(chance >= observed - 1e-12) + 1) / (permutations + 1)
    low, high = np.quantile(chance, [(1 - level) / 2, (1 + level) / 2])
    method = "permutation of places within groups"
    spread_by_chance = Interval(float(chance.mean()), float(low), float(high), method, level)
    return PositionTest(float(p), spread_by_chance, permutations)


def cochran_q(table: ArrayLike) -> tuple[float, float]:
    """Cochran's Q: are the shares of success alike at all places?

    Cochran (1950), The comparison of percentages in matched samples.
    Q = (k - 1) (k sum_j C_j^2 - N^2) / (k N - sum_i R_i^2), with C the sums by place, R those by
    group and N the sum of all; chi-squared with k - 1 degrees of freedom (``scipy.stats.chi2``).

    Args:
        table: zeros and ones, shape (groups, places).

    Returns:
        Q and its p; 0 and 1 where every group has the same score at all places.
    """
    scores = np.asarray(table, dtype=float)
    k = scores.shape[1]
    columns, rows, total = scores.sum(axis=0), scores.sum(axis=1), scores.sum()
    below = k * total - (rows**2).sum()
    if below == 0:
        return 0.0, 1.0
    q = float((k - 1) * (k * (columns**2).sum() - total**2) / below)
    return q, float(stats.chi2.sf(q, k - 1))
