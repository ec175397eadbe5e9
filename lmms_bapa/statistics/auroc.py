"""Area under the ROC curve of the Yes/No margins: what is told apart at whatever threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lmms_bapa.statistics.bootstrap import Array


def auroc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Probability that a positive's margin is above a negative's; ties count half.

    U / (n m) with U of Mann and Whitney (1947), by ``scipy.stats.mannwhitneyu``; Hanley and McNeil
    (1982), The meaning and use of the area under a receiver operating characteristic curve.
    NaN if one side is empty.
    """
    above, below = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    if not above.size or not below.size:
        return math.nan
    # Only U is used; the p beside it, in its cheapest form, is not.
    u = stats.mannwhitneyu(above, below, method="asymptotic").statistic
    return float(u) / (above.size * below.size)


@dataclass(frozen=True)
class AurocTable:
    """Pairs of a positive and a negative, won and counted by the groups that they come from.

    With it the AUROC of a resample of groups is a sum over pairs of groups, exactly, without
    ranking anew.

    Attributes:
        wins: shape (places, groups, groups): pairs with the positive of the first group at that
            place, the negative of the second; ties count half.
        positives: shape (groups, places).
        negatives: shape (groups, places), or (groups, 1) where all places share them.
    """

    wins: NDArray[np.float32]
    positives: Array
    negatives: Array

    @classmethod
    def of(
        cls,
        margin: ArrayLike,
        positive: ArrayLike,
        groups: ArrayLike,
        places: ArrayLike,
        shape: tuple[int, int],
    ) -> AurocTable:
        """Compares margins.

        Where negatives have no place of their own (a place below 0), as in a grid, whose places are
        the key's, every place's positives are compared with all negatives; otherwise with those
        of the same place.

        Args:
            margin: per question.
            positive: whether Yes is right.
            groups: number of each question's group.
            places: number of each question's place.
            shape: how many groups and places there are.
        """
        m, key = np.asarray(margin, dtype=float), np.asarray(positive, dtype=bool)
        group, place = np.asarray(groups, dtype=np.int64), np.asarray(places)
        shared = bool((place[~key] < 0).all())
        size, count = shape
        wins = np.zeros((count, size, size), np.float32)
        positives, negatives = np.zeros(shape), np.zeros((size, 1 if shared else count))
        for number in range(count):
            mine = key & (place == number)
            others = ~key if shared else ~key & (place == number)
            positives[:, number] = np.bincount(group[mine], minlength=size)
            negatives[:, 0 if shared else number] = np.bincount(group[others], minlength=size)
            wins[number] = _wins(m[mine], group[mine], m[others], group[others], size)
        return cls(wins, positives, negatives)

    def by_place(self, weights: Array) -> Array:
        """AUROC of each place, shape (resamples, places), for weights (resamples, groups)."""
        return self._areas(weights)[0]

    def overall(self, weights: Array) -> Array:
        """AUROC of all pairs that places compare, shape (resamples,)."""
        return self._areas(weights)[1]

    def overall_and_spread(self, weights: Array) -> Array:
        """AUROC of all pairs, and its standard deviation over places, shape (2, resamples)."""
        by_place, overall = self._areas(weights)
        return np.stack([overall, by_place.std(axis=1)])

    def _areas(self, weights: Array) -> tuple[Array, Array]:
        won = self._won(weights)
        pairs = (weights @ self.positives) * (weights @ self.negatives)
        with np.errstate(invalid="ignore"):
            return won / pairs, won.sum(axis=1) / pairs.sum(axis=1)

    def _won(self, weights: Array) -> Array:
        drawn = weights.astype(np.float32)
        columns = [np.einsum("bg,bg->b", drawn @ wins, drawn) for wins in self.wins]
        return np.stack(columns, axis=1).astype(float)


def _wins(
    above: Array,
    above_group: NDArray[np.int64],
    below: Array,
    below_group: NDArray[np.int64],
    size: int,
) -> NDArray[np.float32]:
    """Won pairs by group of the positive and group of the negative, shape (size, size)."""
    won = np.zeros((size, size), np.float32)
    if not above.size or not below.size:
        return won
    order = np.argsort(below_group, kind="stable")
    values, names = below[order], below_group[order]
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    for first in range(0, len(above), 512):
        part = above[first : first + 512, None]
        pairs = (part > values).astype(np.float32) + 0.5 * (part == values).astype(np.float32)
        by_group = np.add.reduceat(pairs, starts, axis=1)
        np.add.at(won, (above_group[first : first + 512, None], names[starts][None, :]), by_group)
    return won
