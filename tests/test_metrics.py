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
    "chance": 8 / 16,
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


def long_run() -> list[dict[str, Any]]:
    records = []
    for group in range(30):
        for cell in range(9):
            for asked in ("key", "absent"):
                n = (7 * group * group + 5 * cell + 3 * (asked == "key")) % 11 if group % 5 else 0
                said = "yes" if n < 5 else None if n == 10 else "no"
                records.append(record(group, cell, asked, said, rows=3))
    return records


# Of these records, computed before places could be other things than cells.
AS_PUBLISHED = {
    "accuracy": 0.45555555555555555,
    "balanced_accuracy": 0.4555555555555556,
    "yes_rate": 0.5555555555555556,
    "cell_accuracy": [
        [0.5666666666666667, 0.4666666666666667, 0.6],
        [0.6, 0.6, 0.6],
        [0.43333333333333335, 0.7666666666666667, 0.36666666666666664],
    ],
    "cell_std": 0.11111111111111112,
    "cell_range": 0.4000000000000001,
    "cell_worst": 0.36666666666666664,
    "consistency": 0.2,
    "unparsed": 0.08148148148148149,
}


@pytest.mark.parametrize("name", AS_PUBLISHED)
def test_figures_over_cells_stay_what_they_were_also_where_the_place_is_named(name: str) -> None:
    plain = long_run()
    named = [r | {"place": r["cell"], "places": 9} for r in plain]
    assert getattr(probe, name)(plain) == getattr(probe, name)(named) == AS_PUBLISHED[name]


# Three displacements, the key in one cell of its group's canvas (2 x 2): group 0 is lost at the
# second, group 1 says Yes to everything at the third, group 2 was not asked everywhere.
SAID = {
    (0, "key"): ["yes", "no", "yes"],
    (0, "absent"): ["no", "no", "no"],
    (1, "key"): ["yes", "yes", "yes"],
    (1, "absent"): ["no", "no", "yes"],
    (2, "key"): ["no", "no"],
    (2, "absent"): ["no", None],
}
DISPLACED = [
    record(group, 3 - group, asked, said) | {"place": place, "places": 3}
    for (group, asked), replies in SAID.items()
    for place, said in enumerate(replies)
]


def test_figures_over_displacements_equal_the_count_by_hand() -> None:
    by_hand = [5 / 6, 3 / 6, 3 / 4]
    for seed in range(5):
        shuffled = random.Random(seed).sample(DISPLACED, len(DISPLACED))
        assert probe.shift_accuracy(shuffled) == by_hand
    mean = sum(by_hand) / 3
    assert probe.shift_std(DISPLACED) == pytest.approx(
        math.sqrt(sum((share - mean) ** 2 for share in by_hand) / 3)
    )
    assert probe.shift_range(DISPLACED) == pytest.approx(1 / 3)
    assert probe.consistency(DISPLACED) == 1 / 2  # group 1 of 0 and 1; its key, not its absent one
    assert probe.cell_accuracy(DISPLACED)[1] == [1, 2 / 3]  # cells 2 and 3: groups 1 and 0


def test_a_displacement_without_questions_is_nan() -> None:
    first = [r for r in DISPLACED if r["place"] != 1]
    assert math.isnan(probe.shift_accuracy(first)[1])
    assert math.isnan(probe.shift_std(first))
    assert math.isnan(probe.shift_range(first))
    assert math.isnan(probe.consistency(first))
    assert math.isnan(probe.shift_std([]))
    assert math.isnan(probe.shift_range([]))
    assert probe.shift_accuracy([]) == []


@pytest.mark.parametrize(("keys", "absent", "expected"), [(3, 1, 0.75), (1, 4, 0.8), (2, 0, 1)])
def test_chance_is_what_the_better_constant_gets(keys: int, absent: int, expected: float) -> None:
    def score(reply: str) -> float:
        kinds = ["key"] * keys + ["absent"] * absent
        return probe.accuracy([record(0, 0, kind, reply) for kind in kinds])

    asked = [record(0, 0, "key", None)] * keys + [record(0, 0, "absent", None)] * absent
    assert probe.chance(asked) == max(score("yes"), score("no")) == expected


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
