"""The correlation within groups against the sums of squares written out, cell by cell."""

from __future__ import annotations

import math

import pytest

from lmms_bapa.statistics.power import within_correlation


def icc(table: list[list[float]]) -> float:
    """ICC(3, 1) = (MS_groups - MS_error) / (MS_groups + (k - 1) MS_error), Shrout and Fleiss."""
    n, k = len(table), len(table[0])
    grand = sum(map(sum, table)) / (n * k)
    rows = [sum(row) / k for row in table]
    columns = [sum(row[j] for row in table) / n for j in range(k)]
    between = k * sum((row - grand) ** 2 for row in rows) / (n - 1)
    error = sum(
        (table[i][j] - rows[i] - columns[j] + grand) ** 2 for i in range(n) for j in range(k)
    ) / ((n - 1) * (k - 1))
    return (between - error) / (between + (k - 1) * error)


@pytest.mark.parametrize(
    "table",
    [
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
        [[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]],
        [[1, 0], [3, 1]],
    ],
)
def test_it_is_the_ratio_of_the_two_way_analysis_of_variance(table: list[list[float]]) -> None:
    assert within_correlation(table) == pytest.approx(icc(table))


def test_the_example_of_shrout_and_fleiss() -> None:
    """Their table 2, six targets and four judges: ICC(3, 1) is 0.71 there."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert within_correlation(table) == pytest.approx(0.71, abs=0.005)


def test_one_place_or_one_group_has_none() -> None:
    assert math.isnan(within_correlation([[1], [0], [1]]))
    assert math.isnan(within_correlation([[1, 0, 1]]))
