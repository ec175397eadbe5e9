"""The plan of the relation probe: true answers, no shortcut, and canvases that show them."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from lmms_bapa.metrics.relations import (
    balanced_accuracy,
    chance,
    distance_accuracy,
    pair_accuracy,
    relation_accuracy,
)
from lmms_bapa.probes.relations import RelationSpec, cell_pairs, plan_relations, question_text
from lmms_bapa.probes.relations_canvas import relation_canvas

SPECS = [
    RelationSpec(groups=54),
    RelationSpec(groups=27, seed=3, distractors=7),
    RelationSpec(groups=5, rows=2, objects="all"),
    RelationSpec(groups=20, rows=5, distractors=4),
]
STARTS = (8, 285, 562)  # of the 270-px boxes on the 840-px canvas, measured on the paper's samples


def words_of(question: dict[str, Any]) -> str:
    return question_text(question["subject"], question["relation"], question["reference"])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_answers_are_true(spec: RelationSpec) -> None:
    """Reads the question's words and looks where the pictures stand."""
    pattern = r"Is the (\w+ \w+) (to the left of|to the right of|above|below) the (\w+ \w+)\?\n"
    for question in plan_relations(spec):
        match = re.match(pattern, words_of(question))
        assert match is not None
        subject, relation, reference = match.groups()
        where = dict(zip(question["tiles"], question["cells"], strict=True))
        assert len(where) == len(set(where.values())) == 2 + spec.distractors
        (down, right), (down2, right2) = (divmod(where[n], spec.rows) for n in (subject, reference))
        holds = {
            "to the left of": right < right2,
            "to the right of": right > right2,
            "above": down < down2,
            "below": down > down2,
        }
        assert question["answer"] == ("Yes" if holds[relation] else "No")
        apart = abs(right - right2) if "to the" in relation else abs(down - down2)
        assert question["distance"] == apart > 0


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(lambda q: q["relation"], id="relation"),
        pytest.param(lambda q: words_of(q), id="words"),
        pytest.param(lambda q: (q["relation"], str(q["tiles"]), str(q["cells"])), id="canvas"),
        pytest.param(lambda q: (q["relation"], q["distance"]), id="distance"),
        pytest.param(lambda q: q["subject"], id="subject"),
        pytest.param(lambda q: q["reference"], id="reference"),
        pytest.param(lambda q: ("lr" if q["relation"] in ("left", "right") else "ab",
                                q["cells"][q["tiles"].index(q["subject"])]), id="subject's cell"),
        pytest.param(lambda q: ("lr" if q["relation"] in ("left", "right") else "ab",
                                q["cells"][q["tiles"].index(q["reference"])]), id="reference's"),
    ],
)  # fmt: skip
def test_no_shortcut_tells_the_answer(spec: RelationSpec, seen: Any) -> None:
    """Whatever one looks at alone, Yes and No are equally often right."""
    count = Counter((seen(question), question["answer"]) for question in plan_relations(spec))
    keys = {key for key, _ in count}
    assert keys
    assert all(count[key, "Yes"] == count[key, "No"] for key in keys)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_each_picture_stands_in_each_cell_as_often_under_yes_as_under_no(
    spec: RelationSpec,
) -> None:
    count: Counter[Any] = Counter()
    for q in plan_relations(spec):
        for tile, cell in zip(q["tiles"], q["cells"], strict=True):
            count[q["relation"], tile, cell, q["answer"]] += 1
    yes = {key[:3]: n for key, n in count.items() if key[3] == "Yes"}
    assert yes == {key[:3]: n for key, n in count.items() if key[3] == "No"}


def test_a_pair_is_the_same_question_about_swapped_pictures() -> None:
    pairs: dict[str, list[dict[str, Any]]] = {}
    for question in plan_relations(SPECS[1]):
        pairs.setdefault(question["pair"], []).append(question)
    for one, other in pairs.values():
        assert words_of(one) == words_of(other)
        assert {one["answer"], other["answer"]} == {"Yes", "No"}
        assert one["cells"][:2] == other["cells"][1::-1]
        assert one["cells"][2:] == other["cells"][2:]
        assert (one["tiles"], one["seeds"]) == (other["tiles"], other["seeds"])
    assert len(pairs) == 27 * 8


def test_all_pairs_of_cells_are_used_equally_often() -> None:
    pairs = [(p, q) for p in range(9) for q in range(9) if p % 3 < q % 3]
    assert cell_pairs(3) == pairs
    assert len(pairs) == 27
    used = Counter(
        tuple(sorted(q["cells"], key=lambda cell: cell % 3))
        for q in plan_relations(RelationSpec(groups=54))
        if q["relation"] == "left"
    )
    assert used == dict.fromkeys(pairs, 2 * 4)


def test_a_limited_run_sees_a_mixture_of_cells() -> None:
    questions = plan_relations(RelationSpec(groups=54))
    order = [tuple(q["cells"]) for q in questions if q["question_id"].endswith("0-left-placed")]
    assert len(order) == 54
    assert order[:27] != sorted(order[:27])
    assert order[:27] != order[27:]


def test_the_smaller_probe_is_the_start_of_the_larger_one() -> None:
    small = list(plan_relations(RelationSpec(groups=5)))
    large = list(plan_relations(RelationSpec(groups=40)))
    assert small == large[: 5 * 16]
    ids = [q["question_id"] for q in large]
    assert len(set(ids)) == len(ids) == 640
    assert small != list(plan_relations(RelationSpec(groups=5, seed=1)))


def boxes_of(question: dict[str, Any]) -> list[np.ndarray]:
    pixels = np.asarray(relation_canvas(question))
    assert pixels.shape == (840, 840, 3)
    return [pixels[top : top + 270, left : left + 270] for top in STARTS for left in STARTS]


def test_the_canvas_shows_the_pictures_in_their_cells() -> None:
    questions = list(plan_relations(RelationSpec(groups=2, distractors=1)))
    one = next(q for q in questions if q["question_id"] == "00001-0-above-placed")
    other = next(q for q in questions if q["question_id"] == "00001-0-above-swapped")
    before, after = boxes_of(one), boxes_of(other)
    filled = [cell for cell, box in enumerate(before) if (box != 255).any()]
    assert filled == sorted(one["cells"])
    first, second, third = one["cells"]
    assert (before[first] == after[second]).all()
    assert (before[second] == after[first]).all()
    assert (before[third] == after[third]).all()
    assert (before[first] != before[second]).any()
    outside = np.asarray(relation_canvas(one)).astype(int).sum()
    inside = sum(box.astype(int).sum() for box in before)
    assert outside - inside == 255 * 3 * (840**2 - 9 * 270**2)  # border and gaps are white


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distractors": 8}, "the grid has room for 7"),
        ({"rows": 2, "distractors": 3}, "the grid has room for 2"),
        ({"rows": 1}, "greater than or equal to 2"),
        ({"groups": 0}, "greater than or equal to 1"),
        ({"distractors": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RelationSpec(**options)


def record(pair: str, answer: str, correct: int, **more: Any) -> dict[str, Any]:
    return {"pair": pair, "answer": answer, "correct": correct, **more}


def test_metrics_by_hand() -> None:
    records = [
        record("a", "yes", 1, relation="left", distance=1),
        record("a", "no", 1, relation="left", distance=1),
        record("b", "yes", 1, relation="left", distance=2),
        record("b", "no", 0, relation="left", distance=2),
        record("c", "no", 0, relation="above", distance=1),
    ]
    assert pair_accuracy(records) == 1 / 2  # c has no mirror
    assert balanced_accuracy(records) == pytest.approx((2 / 2 + 1 / 3) / 2)
    assert relation_accuracy(records) == {"above": 0, "left": 3 / 4}
    assert distance_accuracy(records) == {"1": 2 / 3, "2": 1 / 2}
    assert chance(records) == 3 / 5
    assert pair_accuracy(records[::-1]) == pair_accuracy(records)


def test_metrics_without_data_are_nan() -> None:
    assert all(math.isnan(f([])) for f in (pair_accuracy, balanced_accuracy, chance))
    assert math.isnan(pair_accuracy([record("a", "yes", 1)]))
    assert math.isnan(balanced_accuracy([record("a", "yes", 1)]))
    assert relation_accuracy([]) == distance_accuracy([]) == {}
