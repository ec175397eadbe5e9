"""The figures of a shifted task, from replies to POPE at five places and by hand."""

from __future__ import annotations

import math
import statistics
from argparse import Namespace
from collections import defaultdict
from typing import Any

import pytest
from lmms_eval.tasks.pope import utils as pope

from lmms_bapa.harness.shift_metrics import Figure, figures, records
from lmms_bapa.metrics.placements import Placed
from lmms_bapa.shift.layouts import LAYOUTS
from lmms_bapa.shift.layouts.grid import Grid
from lmms_bapa.shift.spec import ShiftSpec

SPEC = ShiftSpec(layout=Grid(rows=2))
UNMOVED = ShiftSpec(layout=LAYOUTS["none"]())

ANSWERS = ("yes", "yes", "no", "no", "no", "yes")
# y or n for each of the questions above.
REPLIES = {
    "original": "yyynnn",  # right: 1 1 0 1 1 0
    "r1c1": "yynnnn",  # right: 1 1 1 1 1 0
    "r1c2": "ynnnnn",  # right: 1 0 1 1 1 0
    "r2c1": "yyyynn",  # right: 1 1 0 0 1 0
    "r2c2": "nnnnnn",  # right: 0 0 1 1 1 0
}
# 2 TP / (2 TP + FP + FN)
F1 = {"r1c1": 4 / 5, "r1c2": 2 / 4, "r2c1": 4 / 7, "r2c2": 0}
ACCURACY = {"r1c1": 5 / 6, "r1c2": 4 / 6, "r2c1": 3 / 6, "r2c2": 3 / 6}

BASE = {
    "pope_f1_score": pope.pope_aggregate_f1_score,
    "pope_submission": lambda values, args: None,
    "pope_accuracy": pope.pope_aggregate_accuracy,
}


def nowhere(placement: str) -> Namespace:
    return Namespace(output_path=f"out/{placement}")


def collected(spec: ShiftSpec = SPEC) -> dict[str, list[Any]]:
    """What the harness has for each metric when all replies are in."""
    found: dict[str, list[Any]] = defaultdict(list)
    for place in spec.names:
        for number, (letter, answer) in enumerate(zip(REPLIES[place], ANSWERS, strict=True)):
            document = {"question_id": number, "answer": answer}
            scored = pope.pope_process_results(document, ["yes" if letter == "y" else "no"])
            values = {name: scored.get(name) for name in BASE}
            for name, record in records(spec, (place, number), values, "score").items():
                found[name].append(record)
    return found


def all_figures(spec: ShiftSpec = SPEC, **better: bool) -> dict[str, Figure]:
    return figures(BASE, {**dict.fromkeys(BASE, True), **better}, spec, nowhere)


def test_a_shifted_task_has_these_figures_and_no_other() -> None:
    better = {name: figure.higher_is_better for name, figure in all_figures().items()}
    accuracy = {
        "pope_accuracy_original": True,
        "pope_accuracy_placements": True,
        "pope_accuracy_mean": True,
        "pope_accuracy_worst": True,
        "pope_accuracy_range": False,
        "pope_accuracy_std": False,
    }
    verdicts = {"flip_rate": False, "right_everywhere": True, "right_somewhere": True}
    assert better == {
        **{name.replace("accuracy", "f1_score"): value for name, value in accuracy.items()},
        "pope_submission_original": True,
        "pope_submission_placements": True,
        **accuracy,
        **verdicts,
        "unparsed": False,
        "chance": True,
    }
    # A metric of errors: what is not a spread is the better the lower, here as in the base task.
    errors = {n: f.higher_is_better for n, f in all_figures(pope_accuracy=False).items()}
    assert errors == {**better, **dict.fromkeys(accuracy, False)}


def test_a_task_without_other_places_has_the_base_tasks_figures() -> None:
    found = all_figures(UNMOVED)
    assert list(found) == [*(f"{name}_original" for name in BASE), "unparsed", "chance"]
    assert set(collected(UNMOVED)) == {f"{name}_original" for name in BASE}


def test_the_original_is_scored_by_the_base_task_itself() -> None:
    found = all_figures()
    assert all(found[f"{name}_original"].aggregate is scorer for name, scorer in BASE.items())
    assert found["pope_f1_score_original"].aggregate(
        collected()["pope_f1_score_original"]
    ) == pytest.approx(4 / 6)


@pytest.mark.parametrize(("name", "by_hand"), [("pope_f1_score", F1), ("pope_accuracy", ACCURACY)])
def test_figures_over_the_places(name: str, by_hand: dict[str, float], said: list[str]) -> None:
    found, gathered = all_figures(), collected()
    got = {
        kind: found[f"{name}_{kind}"].aggregate(gathered[f"{name}_{kind}"])
        for kind in ("placements", "mean", "worst", "range", "std")
    }
    scores = list(by_hand.values())
    assert got == {
        "placements": pytest.approx(by_hand),
        "mean": pytest.approx(statistics.fmean(scores)),
        "worst": pytest.approx(min(scores)),
        "range": pytest.approx(max(scores) - min(scores)),
        "std": pytest.approx(statistics.pstdev(scores)),
    }
    assert said == []


def test_the_worst_place_of_a_metric_of_errors_is_its_highest() -> None:
    found, gathered = all_figures(pope_accuracy=False), collected()
    worst = found["pope_accuracy_worst"].aggregate(gathered["pope_accuracy_worst"])
    assert worst == pytest.approx(5 / 6)


def test_verdicts_by_hand(said: list[str]) -> None:
    found, gathered = all_figures(), collected()
    names = ("flip_rate", "right_everywhere", "right_somewhere")
    got = {name: found[name].aggregate(gathered[name]) for name in names}
    # Other than at the original: 1 at r1c1, 2 at r1c2, 1 at r2c1, 3 at r2c2, of 4 x 6.
    assert got == {
        "flip_rate": pytest.approx(7 / 24),
        "right_everywhere": pytest.approx(1 / 6),
        "right_somewhere": pytest.approx(5 / 6),
    }
    assert said == []


def test_that_there_is_no_verdict_is_said_once(said: list[str]) -> None:
    found = all_figures()
    halves = [Placed(place, 0, 0.5) for place in SPEC.names]
    for name in ("flip_rate", "right_everywhere", "right_somewhere"):
        assert math.isnan(found[name].aggregate(halves))
    assert said == [
        "flip_rate, right_everywhere, right_somewhere: none, as no score is plainly right or "
        "wrong; verdict: under shift: names another metric to look at"
    ]


def test_without_any_reply_there_is_nothing_to_say(said: list[str]) -> None:
    found = all_figures()
    assert all(math.isnan(found[name].aggregate([])) for name in found if "submission" not in name
               and not name.endswith(("_original", "_placements")))  # fmt: skip
    assert said == []


def test_the_share_of_replies_that_cannot_be_read() -> None:
    found = all_figures()["unparsed"].aggregate
    assert found([{"score": 1.0}, {"score": 0.0}, {"score": 0.0}]) == pytest.approx(1 / 3)
    named = figures({}, {}, SPEC, nowhere, "points")["unparsed"].aggregate
    assert named([{"points": 1.0, "score": 0.0}, {"points": 1.0, "score": 0.0}]) == 1


def test_chance_is_over_the_questions_that_can_be_guessed() -> None:
    found = all_figures()["chance"].aggregate
    guesses = [0.25, None, 0.5, 0.0]
    assert found([Placed("original", n, p) for n, p in enumerate(guesses)]) == 0.25
    assert math.isnan(found([Placed("original", 0, None)]))
