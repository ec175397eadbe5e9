"""Tests between two settings on the same questions, and Holm's correction over many of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lmms_bapa.statistics.bootstrap import Array

PERMUTATIONS = 9999
_EXACT_GROUPS = 13  # 8,192 ways to swap, fewer than the permutations
_AT_ONCE = 4_000_000


def mcnemar(wins: int, losses: int) -> float:
    """Exact McNemar test: two-sided p of ``wins`` against ``losses``, by ``scipy.stats.binomtest``.

    McNemar (1947), Note on the sampling error of the difference between correlated proportions or
    percentages. Only questions that one setting alone has right count; five wins of five give
    0.0625, none at all gives 1. Questions are taken as independent: see :func:`swap_test` for
    groups.
    """
    return float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def swap_test(
    first: ArrayLike,
    second: ArrayLike,
    statistic: Callable[[Array], Array],
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> float:
    """Two-sided paired permutation test: the settings of a whole group change places.

    If the setting does not matter, each group's results are as likely the other way round. Up to
    13 groups all ways are tried, which is exact; otherwise 9,999 random ones, with
    p = (b + 1) / (n + 1), Phipson and Smyth (2010).

    Args:
        first: sums of the first setting, shape (groups, columns).
        second: of the second.
        statistic: maps column sums, shape (ways, columns), to a figure, shape (ways,); the
            test looks at the second's minus the first's.
        seed: of the permutations.
        permutations: how many, if not all.

    Returns:
        p; NaN without groups.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    change = two - one
    if not len(change):
        return math.nan
    # A group that is the same under both settings is the same after a swap.
    change = change[np.any(change != 0, axis=1)]
    base, other = one.sum(axis=0), two.sum(axis=0)
    observed = abs(float((statistic(other[None]) - statistic(base[None]))[0]))
    if math.isnan(observed):
        return math.nan
    if not len(change):
        return 1.0
    exact = len(change) <= _EXACT_GROUPS
    rng = np.random.default_rng(seed)
    total = 2 ** len(change) if exact else permutations
    step = max(1, _AT_ONCE // len(change))
    extreme = 0
    for start in range(0, total, step):
        size = min(step, total - start)
        if exact:
            bits = np.arange(start, start + size)[:, None] >> np.arange(len(change))
            swapped = (bits & 1).astype(float)
        else:
            swapped = rng.integers(0, 2, (size, len(change))).astype(float)
        moved = swapped @ change
        found = np.abs(statistic(other - moved) - statistic(base + moved))
        extreme += int(np.sum(found >= observed - 1e-9))
    return extreme / total if exact else (extreme + 1) / (total + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction: adjusted p in the order given; NaN stays NaN and does not count.

    Holm (1979), A simple sequentially rejective multiple test procedure. Few lines of our own,
    since ``scipy.stats.false_discovery_control`` controls the false discovery rate only.
    """
    known = [i for i, p in enumerate(ps) if not math.isnan(p)]
    adjusted, highest = [math.nan] * len(ps), 0.0
    for rank, i in enumerate(sorted(known, key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(known) - rank) * ps[i]))
        adjusted[i] = highest
    return adjusted
