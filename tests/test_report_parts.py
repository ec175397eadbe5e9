"""Parts of the report by themselves: curves, flips, canvases, facts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.questions import GENERATOR_VERSION, ProbeSpec, plan
from lmms_bapa.report.canvases import SIDE, draw_canvases
from lmms_bapa.report.facts import gather_facts
from lmms_bapa.report.flips import answers_of, count_flips, find_flips
from lmms_bapa.report.strength import find_curves
from lmms_bapa.results.folders import RunFolder


def settings(*labels: str) -> dict[str, dict[str, str]]:
    return {
        label: dict(part.split("=") for part in label.split(",")) if label != "off" else {}
        for label in labels
    }


def test_curves_have_a_line_for_each_combination() -> None:
    labels = settings(
        "off",
        "agci_lambda=1.0",
        "agci_lambda=0.1",
        "bapa=true",
        "agci_lambda=0.3,bapa=true",
        "agci_lambda=0.1,bapa=true",
    )
    (curve,) = find_curves(labels)
    assert curve.option == "agci_lambda"
    assert {name: list(line.items()) for name, line in curve.lines.items()} == {
        "no other option": [(0.0, "off"), (0.1, "agci_lambda=0.1"), (1.0, "agci_lambda=1.0")],
        "bapa=true": [
            (0.0, "bapa=true"),
            (0.1, "agci_lambda=0.1,bapa=true"),
            (0.3, "agci_lambda=0.3,bapa=true"),
        ],
    }


def test_defaults_and_off_lie_on_the_curve() -> None:
    labels = settings("off", "bapa=true", "bapa=true,bapa_strength=0.5")
    (curve,) = find_curves(labels)
    assert curve.option == "bapa_strength"
    assert curve.lines == {
        "bapa=true": {0.0: "off", 0.5: "bapa=true,bapa_strength=0.5", 1.0: "bapa=true"}
    }


@pytest.mark.parametrize(
    "labels",
    [
        ("off",),
        ("off", "bapa=true"),
        ("off", "agci_lambda=0.3"),
        ("off", "agci_lambda=0.3", "agci_lambda=0.3,bapa=true"),
        ("off", "bapa=true", "bapa=true,bapa_anchor=center"),
    ],
)
def test_no_curve_without_two_values(labels: tuple[str, ...]) -> None:
    assert find_curves(settings(*labels)) == []


def probe_samples(right: dict[tuple[int, int], bool], **extra: Any) -> list[dict[str, Any]]:
    """Key questions of a 2 x 2 probe, by group and cell."""
    return [
        {
            "doc_id": 4 * group + cell,
            "filtered_resps": "Yes" if correct else "No",
            "input": f"question {group}",
            "cell_accuracy": {
                "group": group,
                "cell": cell,
                "rows": 2,
                "place": cell,
                "places": 4,
                "asked": "key",
                "said": "yes" if correct else "no",
                "correct": int(correct),
            },
        }
        | extra
        for (group, cell), correct in right.items()
    ]


def test_flips_are_counted_and_chosen_by_rule() -> None:
    wrong = {(0, 3), (1, 0), (2, 0), (2, 1)}
    right = {(g, c): (g, c) not in wrong for g in range(4) for c in range(4)}
    answers = answers_of(list(reversed(probe_samples(right))))
    assert count_flips(answers) == (3, 4)
    even = answers_of(probe_samples(dict.fromkeys(right, True)))
    found = find_flips({"off": answers, "bapa=true": even}, "off", count=2)
    # Cell 0 has most wrong answers, cell 2 is the first of those without any.
    assert [documents for _, documents in found] == [(4, 6), (8, 10)]
    flip = found[0][0]
    assert (flip.setting, flip.question, flip.is_new) == ("off", "question 1", False)
    assert [side.place for side in flip.sides] == ["row 1, column 1", "row 2, column 1"]
    assert flip.sides[0].answers == {"off": ("No", False), "bapa=true": ("Yes", True)}


def test_a_flip_that_a_setting_brings_is_told_apart() -> None:
    even = {(g, c): True for g in range(2) for c in range(4)}
    worse = even | {(1, 2): False}
    answers = {"off": answers_of(probe_samples(even)), "x=1": answers_of(probe_samples(worse))}
    found = find_flips(answers, "off")
    assert [(flip.setting, flip.is_new, d) for flip, d in found] == [("x=1", True, (6, 4))]


def test_flips_of_shifted_tasks_leave_the_original_out() -> None:
    def sample(number: int, place: str, value: float | None, reply: str) -> dict[str, Any]:
        record = {"placement": place, "document": number // 3, "value": value}
        return {"doc_id": number, "filtered_resps": [reply], "flip_rate": record, "input": "q"}

    samples = [
        sample(0, "original", 0.0, "A"),
        sample(1, "r1c1", 1.0, "B"),
        sample(2, "r1c2", 1.0, "B"),
        sample(3, "original", None, "A"),
        sample(4, "r1c1", None, "A"),
        sample(5, "r1c2", None, "C"),
    ]
    answers = answers_of(samples)
    assert count_flips(answers) == (1, 2)  # without a verdict the reply decides
    assert [d for _, d in find_flips({"off": answers}, "off")] == [(4, 5)]
    assert answers_of([{"doc_id": 0, "filtered_resps": "A", "exact_match": 1.0}]) == []


def logged(questions: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    keys = ("question_id", "caption", "asked")
    return {i: {k: q[k] for k in keys} | {"where": {}} for i, q in enumerate(questions)}


def test_canvases_are_those_of_the_questions() -> None:
    options = {"groups": 2, "seed": 3}
    config = {"dataset_kwargs": options, "metadata": {"generator": GENERATOR_VERSION}}
    questions = list(plan(ProbeSpec(**options)))
    samples = {i: sample for i, sample in logged(questions).items() if i in (4, 20)}
    drawn = draw_canvases("spatial_probe", config, samples)
    assert (set(drawn.pictures), drawn.remark, drawn.is_framed) == ({4, 20}, "", True)
    for number, content in drawn.pictures.items():
        question = questions[number]
        small = Image.open(io.BytesIO(content)).convert("RGB")
        assert small.size == (SIDE, SIDE)
        expected = np.asarray(canvas_of(question).resize((SIDE, SIDE)), dtype=float)
        factor = SIDE / question["canvas"]
        inside = np.s_[
            round(factor * question["top"]) + 4 : round(factor * (question["top"] + 260)),
            round(factor * question["left"]) + 4 : round(factor * (question["left"] + 260)),
        ]
        found = np.asarray(small, dtype=float)
        assert np.abs(found[inside] - expected[inside]).mean() < 6
        x, y = round(factor * (question["left"] + 135)), round(factor * question["top"]) - 1
        red, _, blue = small.getpixel((x, max(0, y)))  # type: ignore[misc]
        assert red > 180
        assert blue < 60  # the frame's orange


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"metadata": {"generator": "0.9"}}, "drawn by generator 0.9"),
        ({"dataset_kwargs": {"groups": 2, "seed": 4}}, "do not give the questions in the log"),
        ({"dataset_kwargs": {"no_option": 1}}, "do not hold the options"),
    ],
)
def test_canvases_of_other_questions_are_not_shown(change: dict[str, Any], remark: str) -> None:
    config = {
        "dataset_kwargs": {"groups": 2, "seed": 3},
        "metadata": {"generator": GENERATOR_VERSION},
    }
    samples = logged(list(plan(ProbeSpec(groups=2, seed=3))))
    drawn = draw_canvases("spatial_probe", config | change, {4: samples[4]})
    assert drawn.pictures == {}
    assert remark in drawn.remark


def test_facts_without_a_manifest(tmp_path: Path) -> None:
    results = {
        "results": {},
        "configs": {"t": {"metadata": {"version": 1.0, "generator": "1.0"}}},
        "config": {
            "model": "llava_bapa",
            "model_args": "pretrained=a/b,bapa=true",
            "batch_size": 8,
            "limit": 36.0,
            "random_seed": 0,
            "numpy_seed": 1234,
        },
        "n-samples": {"t": {"original": 9000, "effective": 36}},
        "lmms_eval_version": "0.7.3",
        "date": "20261122_101112",
    }
    run = RunFolder(tmp_path / "20261122_101112_results.json", results)
    facts = gather_facts(tmp_path, [run])
    assert facts.rows == [
        ("Model", "a/b"),
        ("Adapter", "llava_bapa"),
        ("Task t", "36 questions, version 1.0, generator 1.0"),
        ("Limit", "36.0"),
        ("Batch size", "8"),
        ("Seeds", "random 0, numpy 1234"),
        ("Date", "20261122_101112"),
    ]
    assert facts.versions == {"lmms-eval": "0.7.3"}
    assert facts.command is None
    assert "no manifest" in facts.gaps[0]
