"""A shifted task in the harness: a model that looks at the canvases says where the pictures are."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger
from PIL import Image

from lmms_bapa.harness.shift_metrics import Form, reply_records
from lmms_bapa.shift.placement import frame
from lmms_bapa.shift.spec import read_spec

from .harness_runs import Looker, Puppet, evaluate, replies
from .shift_runs import manager, picture, questions, write_base, write_shift


def where(canvas: Image.Image, number: int, **size: int) -> str:
    """Finds a known picture on a canvas by its pixels; nothing else may be there."""
    pixels, wanted = np.asarray(canvas.convert("RGB")), np.asarray(picture(number, **size))
    height, width, _ = wanted.shape
    for top in range(pixels.shape[0] - height + 1):
        for left in range(pixels.shape[1] - width + 1):
            if np.array_equal(pixels[top : top + height, left : left + width], wanted):
                rest = pixels.copy()
                rest[top : top + height, left : left + width] = 255
                assert (rest == 255).all(), "something else is on the canvas"
                return f"{left},{top} of {pixels.shape[1]}x{pixels.shape[0]}"
    return "nowhere"


def look(shown: dict[str, Any]) -> str:
    number = int(shown["text"].removeprefix("Question "))
    return "; ".join(where(im, 10 * number + k) for k, im in enumerate(shown["images"]))


@pytest.mark.parametrize(
    "shift",
    [
        {"layout": "grid", "rows": 3, "ratio": 2},
        {"layout": "grid", "rows": 2, "ratio": 3},
        {"layout": "pixel", "shifts": [0, 1, 5]},
        {"layout": "free", "count": 4, "sizes": [1, 1]},
        {"layout": "none"},
    ],
    ids=lambda shift: f"{shift['layout']}-{shift.get('rows', '')}",
)
@pytest.mark.parametrize("pictures", [1, 3])
def test_every_placement_is_where_it_says(
    tmp_path: Path, shift: dict[str, Any], pictures: int
) -> None:
    write_base(tmp_path, questions(3, pictures))
    write_shift(tmp_path, **shift)
    results = evaluate(Looker(look), ["shifted"], manager=manager(tmp_path), log_samples=True)
    layout = read_spec(shift).layout
    boxes = [frame((20, 12), p, layout.ratio, layout.room) for p in layout.placements]
    places = [f"{b.left},{b.top} of {b.width}x{b.height}" for b in boxes]
    expected = ["; ".join([place] * pictures) for place in ["0,0 of 20x12", *places]]
    assert list(replies(results, "shifted").values()) == expected * 3
    if shift == {"layout": "grid", "rows": 3, "ratio": 2}:  # once by hand
        assert places[5] == "20,6 of 40x24"


def test_the_original_is_the_picture_itself(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path)
    task = manager(tmp_path).load_task_or_group(["shifted"], "chat")["shifted"]
    modes = []
    for doc in task.test_docs():
        (message,) = task.doc_to_messages(doc)
        shown = message["content"][0]["url"]
        if doc["shift_placement"] == "original":
            assert np.array_equal(np.asarray(shown), np.asarray(doc["pictures"][0]))
            assert shown is doc["pictures"][0]
        modes.append(shown.size)
    assert Counter(modes) == {(20, 12): 2, (40, 24): 18}


def corner_blind(shown: dict[str, Any]) -> str:
    """Right unless the picture is in the bottom right corner of a canvas."""
    number = shown["text"].removeprefix("Question ")
    found = where(shown["images"][0], 10 * int(number))
    return "wrong" if found == "20,12 of 40x24" else number


def test_figures_of_a_model_that_is_blind_in_one_corner(tmp_path: Path) -> None:
    write_base(tmp_path, questions(4))
    write_shift(tmp_path)
    results = evaluate(Looker(corner_blind), ["shifted"], manager=manager(tmp_path))
    got = {k.split(",")[0]: v for k, v in results["results"]["shifted"].items()}
    assert got["accuracy_original"] == 1
    assert got["accuracy_placements"] == {
        f"r{r}c{c}": 0.0 if r == c == 3 else 1.0 for r in (1, 2, 3) for c in (1, 2, 3)
    }
    assert got["accuracy_mean"] == pytest.approx(8 / 9)
    assert got["accuracy_worst"] == 0
    assert got["accuracy_range"] == 1
    assert got["accuracy_std"] == pytest.approx(math.sqrt(8 / 81))
    assert got["flip_rate"] == pytest.approx(1 / 9)
    assert got["right_everywhere"] == 0
    assert got["right_somewhere"] == 1
    assert got["unparsed"] == 0
    assert math.isnan(got["chance"])


def test_nothing_but_figures_is_in_the_results(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path)
    results = evaluate(Puppet(lambda doc: doc["answer"]), ["shifted"], manager=manager(tmp_path))
    figures = results["results"]["shifted"]
    assert not [name for name, value in figures.items() if isinstance(value, list)]
    assert results["higher_is_better"]["shifted"]["accuracy_std"] is False
    assert results["higher_is_better"]["shifted"]["accuracy_worst"] is True
    shift = results["configs"]["shifted"]["metadata"]["shift"]
    assert (shift["layout"], shift["rows"], shift["version"]) == ("grid", 3, "1.0")


def test_a_metric_of_errors_turns_verdicts_round(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    base, functions = tmp_path / "base.yaml", tmp_path / "functions.py"
    base.write_text(base.read_text().replace("better: true", "better: false"))
    functions.write_text(functions.read_text().replace("== doc", "!= doc"))
    write_shift(tmp_path, rows=2)
    model = Puppet(lambda doc: doc["answer"])
    got = evaluate(model, ["shifted"], manager=manager(tmp_path))["results"]["shifted"]
    assert got["accuracy_mean,none"] == 0  # no errors
    assert got["right_everywhere,none"] == got["right_somewhere,none"] == 1


@pytest.mark.parametrize(
    ("form", "replies", "unread"),
    [
        (Form("letter", "ABC"), ["B"], 0),
        (Form("letter", "ABC"), [["B", "B", "C"]], 0),
        (Form("letter", "ABC"), [["?", "B"]], 1),
        (Form("free"), [[""]], 1),
        (Form("free"), [[]], 1),
        (Form("free"), [None], 1),
        (Form("free"), [], 1),
        (Form("free"), ["a dog"], 0),
    ],
)
def test_the_first_reply_is_the_one_to_be_read(
    form: Form, replies: list[Any], unread: float
) -> None:
    record = reply_records(("p", 0), form, replies, "score")["unparsed"]
    assert record == {"placement": "p", "document": 0, "score": unread}


def test_a_scorer_that_fails_at_one_place(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    base, functions = tmp_path / "base.yaml", tmp_path / "functions.py"
    functions.write_text(
        f"{functions.read_text()}\n\ndef total(values):\n    return 2 / sum(values)\n"
    )
    base.write_text(
        base.read_text().replace("aggregation: mean", "aggregation: !function functions.total")
    )
    write_shift(tmp_path, rows=2)
    said: list[str] = []
    number = logger.add(said.append, level="WARNING", format="{message}")
    results = evaluate(Looker(corner_blind), ["shifted"], manager=manager(tmp_path))
    logger.remove(number)
    got = results["results"]["shifted"]
    places = got["accuracy_placements,none"]
    assert math.isnan(places.pop("r2c2"))
    assert set(places.values()) == {1.0}
    assert math.isnan(got["accuracy_mean,none"])
    assert got["accuracy_original,none"] == 1
    assert [s.strip() for s in said if "r2c2" in s] == [
        "accuracy at r2c2: no figure, its scorer failed (ZeroDivisionError: float division by zero)"
    ]


def test_scores_that_say_neither_right_nor_wrong_give_no_verdict(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    base, functions = tmp_path / "base.yaml", tmp_path / "functions.py"
    functions.write_text(
        functions.read_text().replace('float(results[0] == doc["answer"])', "results[0]")
        + "\n\ndef count(values):\n    return len(values)\n"
    )
    base.write_text(
        base.read_text().replace("aggregation: mean", "aggregation: !function functions.count")
    )
    write_shift(tmp_path, rows=2)
    results = evaluate(Looker(corner_blind), ["shifted"], manager=manager(tmp_path))
    got = results["results"]["shifted"]
    assert got["accuracy_mean,none"] == 2
    for name in ("flip_rate", "right_everywhere", "right_somewhere"):
        assert math.isnan(got[f"{name},none"])


def test_every_sample_says_where_it_was(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path, rows=2)
    model = Puppet(lambda doc: doc["answer"])
    results = evaluate(model, ["shifted"], manager=manager(tmp_path), log_samples=True)
    places = [(s["unparsed"]["document"], s["unparsed"]["placement"])
              for s in results["samples"]["shifted"]]  # fmt: skip
    names = ["original", "r1c1", "r1c2", "r2c1", "r2c2"]
    assert places == [(document, name) for document in (0, 1) for name in names]


def test_a_limit_keeps_whole_groups(tmp_path: Path) -> None:
    write_base(tmp_path, questions(5))
    write_shift(tmp_path, rows=2)
    model = Puppet(lambda doc: doc["answer"])
    for limit, count in ((5, 5), (9, 5), (14, 10), (100, 25), (0.5, 10)):
        results = evaluate(
            model, ["shifted"], manager=manager(tmp_path), limit=limit, log_samples=True
        )
        assert len(results["samples"]["shifted"]) == count, limit
        assert results["results"]["shifted"]["right_everywhere,none"] == 1


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"documents": 3}, [0, 3, 6]),
        ({"documents": 4, "together": 2}, [0, 1, 4, 5]),
        ({"documents": 10}, list(range(10))),
        ({"documents": 99}, list(range(10))),
        ({"documents": 1}, [0]),
    ],
)
def test_a_part_of_the_documents(
    tmp_path: Path, options: dict[str, int], numbers: list[int]
) -> None:
    write_base(tmp_path, questions(10))
    write_shift(tmp_path, layout="none", **options)
    task = manager(tmp_path).load_task_or_group(["shifted"], "chat")["shifted"]
    assert [int(doc["answer"]) for doc in task.test_docs()] == numbers


def test_documents_without_a_picture_are_asked_as_they_are(tmp_path: Path) -> None:
    documents = questions(3)
    documents[0]["pictures"] = []
    write_base(tmp_path, documents)
    write_shift(tmp_path, rows=2)
    seen: list[int] = []

    def answer(shown: dict[str, Any]) -> str:
        seen.append(len(shown["images"]))
        return shown["text"].removeprefix("Question ")

    results = evaluate(Looker(answer), ["shifted"], manager=manager(tmp_path))
    assert seen == [0] * 5 + [1] * 10
    assert results["results"]["shifted"]["accuracy_worst,none"] == 1


def test_a_metric_that_does_not_say_what_is_better_counts_what_is_right(tmp_path: Path) -> None:
    unsaid = {"metric": "accuracy", "aggregation": "mean", "higher_is_better": None}
    write_base(tmp_path, questions(2), metric_list=[unsaid])
    write_shift(tmp_path, rows=2)
    model = Puppet(lambda doc: doc["answer"])
    results = evaluate(model, ["shifted"], manager=manager(tmp_path))["results"]["shifted"]
    assert results["right_everywhere,none"] == results["accuracy_worst,none"] == 1


def test_a_figure_that_is_no_number_is_said_once_and_not_averaged(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    functions, base = tmp_path / "functions.py", tmp_path / "base.yaml"
    table = '\n\ndef table(values):\n    return {"all": sum(values)}\n'
    functions.write_text(functions.read_text() + table)
    base.write_text(
        base.read_text().replace("aggregation: mean", "aggregation: !function functions.table")
    )
    write_shift(tmp_path, rows=2)
    said: list[str] = []
    model = Puppet(lambda doc: doc["answer"])
    known = manager(tmp_path)
    handler = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    try:
        results = evaluate(model, ["shifted"], manager=known)["results"]["shifted"]
    finally:
        logger.remove(handler)
    places = results["accuracy_placements,none"]
    assert list(places) == ["r1c1", "r1c2", "r2c1", "r2c2"]
    assert all(figure == {"all": 2.0} for figure in places.values())
    assert all(math.isnan(results[f"accuracy_{k},none"]) for k in ("mean", "worst", "range", "std"))
    assert len([line for line in said if "accuracy is {'all': 2.0}, not a number" in line]) == 1
