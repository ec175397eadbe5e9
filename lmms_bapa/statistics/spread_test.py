"""Whether two settings differ in their spread over places, without the noise in it."""

from __future__ import annotations

import math

import numpy as np

from lmms_bapa.statistics.bootstrap import Array
from lmms_bapa.statistics.paired import PERMUTATIONS, swap_test
from lmms_bapa.statistics.places import PlaceTable

_ROUNDING = 1e-12


def spread_test(
    first: PlaceTable, second: PlaceTable, seed: int = 0, permutations: int = PERMUTATIONS
) -> float:
    """Two-sided p of "the scores vary as much over the places": whole groups change settings.

    What is compared is the spread without its noise, see :func:`true_spread`. The plain spread
    would find a difference wherever the levels differ: half of all answers right is noisier than
    nearly all, and places then differ by more although none is favoured.

    Args:
        first: scores of the first setting.
        second: of the second, at the same places.
        seed: of the permutations.
        permutations: how many, if not all.

    Returns:
        p; NaN with fewer than two groups that were asked at every place, or fewer than two places.
    """
    rows = first.complete & second.complete
    groups, places = int(rows.sum()), first.sums.shape[1]
    if groups < 2 or places < 2:
        return math.nan
    one, two = (_with_squares(table.sums[rows]) for table in (first, second))
    return swap_test(one, two, lambda sums: true_spread(sums, groups), seed, permutations)


def spread_change(first: PlaceTable, second: PlaceTable) -> float:
    """What :func:`spread_test` looks at: the second's :func:`true_spread` minus the first's."""
    rows = first.complete & second.complete
    groups, places = int(rows.sum()), first.sums.shape[1]
    if groups < 2 or places < 2:
        return math.nan
    one, two = (
        true_spread(_with_squares(table.sums[rows]).sum(axis=0)[None], groups)
        for table in (first, second)
    )
    return float((two - one)[0])


def true_spread(sums: Array, groups: int) -> Array:
    """Standard deviation over places beyond what the noise within groups makes, with its sign.

    The variance of the place means minus its expectation if no place is favoured: the interaction
    of groups and places in the two-way analysis of variance, on average over groups (Shrout and
    Fleiss 1979, Intraclass correlations). It may be negative; then minus the root of its size, so
    that chance spreads evenly around 0.

    Args:
        sums: shape (ways, places + 1): scores added up by place, then the sums of squares around
            the groups' own means.
        groups: how many were added up.
    """
    places = sums.shape[1] - 1
    means = sums[:, :places] / groups
    between = means.var(axis=1)
    rest = (sums[:, places] - groups * places * between) / ((groups - 1) * (places - 1))
    excess = between - rest * (places - 1) / (places * groups)
    excess = np.where(np.abs(excess) < _ROUNDING, 0.0, excess)
    found: Array = np.sign(excess) * np.sqrt(np.abs(excess))
    return found


def _with_squares(scores: Array) -> Array:
    around = scores - scores.mean(axis=1, keepdims=True)
    return np.column_stack([scores, (around**2).sum(axis=1)])
