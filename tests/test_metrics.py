"""The probe's figures against small cases counted by hand."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from lmms_bapa.metrics import probe
from lmms_bapa.metrics.probe import parse_yes_no


def record(group: int, cell: int, asked: str, said: str | None, rows: int = 2) -> dict[str, Any]:
    right = "yes" if asked == "key" else "no"
    return {
        "group": group,
        "cell": cell,
        "rows": rows,
        "asked": asked,
        "said": said,
        "correct": int(said == right),
    }


# Two groups on a 2 x 2 grid: keys found in cells 0, 1, 3 and 0, 1, 2, 3; one absent key "seen",
# one reply that is no answer.
KEYS = [(0, 0, "yes"), (0, 1, "yes"), (0, 2, "no"), (0, 3, "yes")]
KEYS += [(1, cell, "yes") for cell in range(4)]
ABSENT = [(0, 0, "yes"), (0, 1, "no"), (0, 2, "no"), (0, 3, None)]
ABSENT += [(1, cell, "no") for cell in range(4)]
RECORDS = [record(g, c, "key", s) for g, c, s in KEYS]
RECORDS += [record(g, c, "absent", s) for g, c, s in ABSENT]

BY_HAND = {
    "accuracy": 13 / 16,
    "balanced_accuracy": (7 / 8 + 6 / 8) / 2,
    "yes_rate": 8 / 16,
    "unparsed": 1 / 16,
    "cell_accuracy": [[1.0, 1.0], [0.5, 1.0]],
    "cell_std": math.sqrt((3 * 0.125**2 + 0.375**2) / 4),
    "cell_range": 0.5,
    "cell_worst": 0.5,
    "consistency": 1 / 2,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_figures_equal_the_count_by_hand_in_any_order(name: str) -> None:
    figure = getattr(probe, name)
    for seed in range(5):
        shuffled = random.Random(seed).sample(RECORDS, len(RECORDS))
        got, want = np.array(figure(shuffled)), np.array(BY_HAND[name])
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_a_model_that_always_says_yes_is_not_good() -> None:
    yes = [record(g, c, a, "yes") for g in range(3) for c in range(4) for a in ("key", "absent")]
    assert probe.accuracy(yes) == 0.5
    assert probe.balanced_accuracy(yes) == 0.5
    assert probe.cell_worst(yes) == 1
    assert probe.yes_rate(yes) == 1


@pytest.mark.parametrize("name", sorted(set(BY_HAND) - {"cell_accuracy"}))
def test_no_data_is_nan(name: str) -> None:
    assert math.isnan(getattr(probe, name)([]))


def test_a_cell_without_questions_is_nan_and_shows_in_every_figure_over_cells() -> None:
    some = [record(0, 0, "key", "yes"), record(0, 1, "key", "no")]
    assert probe.cell_accuracy(some)[0] == [1.0, 0.0]
    assert all(math.isnan(v) for v in probe.cell_accuracy(some)[1])
    for figure in (probe.cell_std, probe.cell_range, probe.cell_worst, probe.consistency):
        assert math.isnan(figure(some))
    assert math.isnan(probe.balanced_accuracy(some))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Yes", "yes"),
        ("no", "no"),
        (" Yes.", "yes"),
        ("**No**, there is not", "no"),
        ("'Yes'", "yes"),
        ("Yes, and no", "yes"),
        ("Yesterday", None),
        ("nothing", None),
        ("I think yes", None),
        ("", None),
    ],
)
def test_replies_are_read_strictly(reply: str, said: str | None) -> None:
    assert parse_yes_no(reply) == said
