"""How the base task's scorer is called at each place, and what becomes of what it returns."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lmms_bapa.harness.shift_metrics import figures
from lmms_bapa.metrics.placements import Placed
from lmms_bapa.shift.layouts.grid import Grid
from lmms_bapa.shift.spec import ShiftSpec

SPEC = ShiftSpec(layout=Grid(rows=2))
PLACES = ("r1c1", "r1c2", "r2c1", "r2c2")
RECORDS = [Placed(place, n, 10 * n + k) for n in (0, 1) for k, place in enumerate(PLACES)]
OVER = ("mean", "worst", "range", "std")


def arguments(placement: str) -> Namespace:
    return Namespace(output_path=f"out/{placement}")


def of(scorer: Callable[..., Any], name: str = "points") -> dict[str, Callable[..., Any]]:
    """The figures of a task with one metric."""
    found = figures({name: scorer}, {name: True}, SPEC, arguments)
    return {key: figure.aggregate for key, figure in found.items()}


def test_a_scorer_gets_the_values_of_a_place_in_the_order_of_their_documents() -> None:
    seen: list[list[int]] = []
    of(seen.append)["points_placements"](list(reversed(RECORDS)))
    assert seen == [[0, 10], [1, 11], [2, 12], [3, 13]]


def test_a_scorer_that_asks_for_the_command_line_gets_that_of_its_place() -> None:
    def scorer(values: list[int], args: Namespace) -> str:
        return f"{args.output_path}: {values}"

    assert of(scorer)["points_placements"](RECORDS) == {
        "r1c1": "out/r1c1: [0, 10]",
        "r1c2": "out/r1c2: [1, 11]",
        "r2c1": "out/r2c1: [2, 12]",
        "r2c2": "out/r2c2: [3, 13]",
    }


@pytest.mark.parametrize(
    ("name", "returned", "figure"),
    [
        ("points", np.float32(0.5), 0.5),
        ("points", 3, 3.0),
        ("points", True, True),  # no number to average
        ("points", "see the file", "see the file"),
        ("points", None, None),
        ("submission", None, "out/r1c1"),
        ("my_submission_file", None, "out/r1c1"),
        ("submission", "there.json", "there.json"),
        ("submission", 2, 2.0),
    ],
)
def test_what_a_scorer_returns(name: str, returned: Any, figure: Any, said: list[str]) -> None:
    got = of(lambda values: returned, name)[f"{name}_placements"](RECORDS)["r1c1"]
    assert (type(got), got) == (type(figure), figure)
    assert said == []


def test_a_scorer_that_fails_costs_its_own_place_only(said: list[str]) -> None:
    def scorer(values: list[int]) -> float:
        if 2 in values:
            raise RuntimeError("no 2, please\nreally")
        return len(values)

    found = of(scorer)
    got = dict(found["points_placements"](RECORDS))
    assert math.isnan(got.pop("r2c1"))
    assert got == {"r1c1": 2, "r1c2": 2, "r2c2": 2}
    assert said == [
        "points at r2c1: no figure, its scorer failed (RuntimeError: no 2, please)",
    ]
    assert all(math.isnan(found[f"points_{kind}"](RECORDS)) for kind in OVER)
    assert len(said) == 1  # it is asked once, and NaN is a number


def test_figures_that_are_no_numbers_are_told_with_the_mean(said: list[str]) -> None:
    def scorer(values: list[int]) -> Any:
        return f"{sum(values)}" if 1 in values else {"all": 3} if 2 in values else 1.0

    found = of(scorer)
    assert all(math.isnan(found[f"points_{kind}"](RECORDS)) for kind in ("worst", "range", "std"))
    assert said == []
    assert math.isnan(found["points_mean"](RECORDS))
    assert said == ["points is '12', not a number: no mean, worst, range and std"]


def test_a_place_without_replies_has_no_figure() -> None:
    found = of(sum)
    shown = [record for record in RECORDS if str(record) != "r1c2"]
    assert found["points_placements"](shown) == {"r1c1": 10, "r2c1": 14, "r2c2": 16}
    assert found["points_mean"](shown) == pytest.approx(40 / 3)
