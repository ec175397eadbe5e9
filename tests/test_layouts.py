"""Where the pictures of a probe stand, and which places the key visits."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from pydantic import ValidationError

from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.layouts import LAYOUTS, Layout, options_of
from lmms_bapa.probes.pictures import draw_picture
from lmms_bapa.probes.questions import ProbeSpec, plan
from lmms_bapa.validation import one_line


def groups_of(**spec: Any) -> list[list[dict[str, Any]]]:
    questions = plan(ProbeSpec(**spec))
    return [list(g) for _, g in groupby(questions, key=lambda q: q["group"])]


# Of the questions of ten groups, taken before there were other layouts than the grid. If one of
# these changes, GENERATOR_VERSION has to change, and published figures are history.
FIRST_QUESTIONS = [
    ({}, "f0ed03c58e223410"),
    ({"distractors": "conjunction"}, "0ed8196959ec1014"),
    ({"distractors": "conjunction", "rows": 5}, "43637e80f92ed752"),
    ({"order": "shift"}, "bd866bbdbfe49353"),
]
OLD_FIELDS = ("question_id", "group", "cell", "asked", "caption", "answer")
OLD_FIELDS += ("rows", "canvas", "tiles", "seeds")


@pytest.mark.parametrize(("spec", "digest"), FIRST_QUESTIONS)
def test_the_published_questions_stay(spec: dict[str, Any], digest: str) -> None:
    sha = hashlib.sha256()
    for question in plan(ProbeSpec(groups=10, **spec)):
        sha.update(json.dumps([question[key] for key in OLD_FIELDS]).encode())
    assert sha.hexdigest()[:16] == digest


def test_a_canvas_of_the_grid_is_the_papers_pixel_by_pixel() -> None:
    question = list(plan(ProbeSpec(groups=1, seed=4)))[7]
    by_hand = Image.new("RGB", (840, 840), "white")
    for i, (tile, seed) in enumerate(zip(question["tiles"], question["seeds"], strict=True)):
        by_hand.paste(draw_picture(tile, seed, 270), (8 + 277 * (i % 3), 8 + 277 * (i // 3)))
    assert canvas_of(question).tobytes() == by_hand.tobytes()


@given(
    st.sampled_from(sorted(LAYOUTS)), st.integers(2, 5), st.integers(96, 900), st.integers(0, 99)
)
@settings(deadline=None, max_examples=80)
def test_boxes_lie_on_the_canvas_and_never_overlap(
    name: str, rows: int, canvas: int, group: int
) -> None:
    extra = {"shifts": (0, 5, canvas // 4)} if name == "pixel" else {}
    for place in ProbeSpec(layout=name, rows=rows, canvas=canvas, **extra).arrangement.places(
        group
    ):
        painted = np.zeros((canvas, canvas), dtype=int)
        assert len(place.boxes) == rows**2
        for box in place.boxes:
            inside = painted[box.top : box.top + box.side, box.left : box.left + box.side]
            assert inside.shape == (box.side, box.side)
            inside += 1
        assert painted.max() == 1


@pytest.mark.parametrize("layout", ["grid", "free", "pixel"])
def test_the_canvas_shows_what_the_document_says(layout: str) -> None:
    regular = [[x, y, 270] for y in (8, 285, 562) for x in (8, 285, 562)]
    for question in list(plan(ProbeSpec(groups=2, seed=3, layout=layout)))[::5]:
        canvas = canvas_of(question)
        assert ("boxes" in question) == (layout != "grid")
        boxes = question.get("boxes", regular)
        white = Image.new("RGB", canvas.size, "white")
        for number, (left, top, side) in enumerate(boxes):
            tile, seed = question["tiles"][number], question["seeds"][number]
            area = (left, top, left + side, top + side)
            assert canvas.crop(area).tobytes() == draw_picture(tile, seed, side).tobytes()
            canvas = Image.composite(white, canvas, _mask(canvas.size, area))
        assert ImageChops.difference(canvas, white).getbbox() is None  # nothing anywhere else
        key = boxes[question["cell"]]
        assert [question["left"], question["top"], question["side"]] == key
        if question["asked"] == "key":
            assert question["tiles"][question["cell"]] == question["caption"]


def _mask(size: tuple[int, int], area: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    mask.paste(255, area)
    return mask


# --- free ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [None, (0.2, 0.5), (1.0, 1.0)])
def test_free_boxes_are_as_large_as_asked_and_one_a_zone(sizes: tuple[float, float] | None) -> None:
    low, high = sizes or (0.55, 0.95)
    sides = []
    for group in groups_of(layout="free", groups=60, canvas=300, sizes=sizes):
        for number, (left, top, side) in enumerate(group[0]["boxes"]):
            row, column = divmod(number, 3)
            assert 100 * column <= left <= left + side <= 100 * (column + 1)
            assert 100 * row <= top <= top + side <= 100 * (row + 1)
            sides.append(side)
    assert 100 * low - 1 <= min(sides) <= max(sides) <= 100 * high
    if low < high:
        assert np.mean(sides) == pytest.approx(50 * (low + high), abs=1.5)  # evenly between them


def test_free_boxes_stay_within_a_group_and_differ_between_groups() -> None:
    groups = groups_of(layout="free", groups=20)
    for group in groups:
        assert len({str(q["boxes"]) for q in group}) == 1
        assert [q["cell"] for q in group[::2]] == [q["place"] for q in group[::2]] == list(range(9))
        assert {q["places"] for q in group} == {9}
    assert len({str(group[0]["boxes"]) for group in groups}) == 20
    again, other = (groups_of(layout="free", groups=2, seed=s) for s in (0, 1))
    assert again == groups[:2]
    assert other[0][0]["boxes"] != groups[0][0]["boxes"]


@pytest.mark.parametrize("layout", ["free", "pixel"])
def test_other_layouts_show_the_pictures_of_the_grid(layout: str) -> None:
    for here, there in zip(groups_of(groups=9, layout=layout), groups_of(groups=9), strict=True):
        at_home = {
            q["cell"]: (q["caption"], q["tiles"], q["seeds"]) for q in there if q["asked"] == "key"
        }
        for q in here:
            if q["asked"] == "key":
                assert (q["caption"], q["tiles"], q["seeds"]) == at_home[q["cell"]]


# --- pixel ---------------------------------------------------------------------------------------


def test_a_displaced_canvas_is_the_canvas_displaced() -> None:
    (group,) = groups_of(layout="pixel", groups=1, canvas=420, shifts=(0, 1, 3, 50))
    start, *moved = [np.asarray(canvas_of(q)) for q in group if q["asked"] == "key"]
    for by, canvas in zip((1, 3, 50), moved, strict=True):
        expected = np.full_like(start, 255)
        expected[by:, by:] = start[:-by, :-by]
        assert (canvas == expected).all()
    # The canvas leaves room, and no more than is needed: the border of the grid is 4 px here.
    assert (moved[-1][-4:] == 255).all()
    assert not (moved[-1][-8:-4] == 255).all()


def test_only_the_displacement_changes_within_a_group() -> None:
    for group in groups_of(layout="pixel", groups=3):
        assert [q["shift"] for q in group[::2]] == [0, 1, 2, 4, 7, 14, 21, 28]
        assert [q["asked"] for q in group] == ["key", "absent"] * 8
        assert {(q["cell"], str(q["tiles"]), str(q["seeds"])) for q in group} == {
            (group[0]["cell"], str(group[0]["tiles"]), str(group[0]["seeds"]))
        }
        assert len({q["question_id"] for q in group}) == 16


@pytest.mark.parametrize("rows", [2, 3])
def test_as_many_groups_as_cells_have_each_cell_once(rows: int) -> None:
    cells = [g[0]["cell"] for g in groups_of(layout="pixel", rows=rows, groups=3 * rows**2)]
    turns = [cells[i : i + rows**2] for i in range(0, len(cells), rows**2)]
    assert all(Counter(turn) == dict.fromkeys(range(rows**2), 1) for turn in turns)
    assert len({tuple(turn) for turn in turns}) == 3


# --- specifications ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"layout": "fre"}, "layout='fre': unknown layout: did you mean free?"),
        ({"layout": 3}, "layout=3: should be a valid string"),
        ({"shifts": [0, 4]}, "shifts is an option of layout: pixel"),
        ({"layout": "pixel", "sizes": [0.2, 0.3]}, "sizes is an option of layout: free"),
        ({"layout": "pixel", "shifts": [3]}, "shifts=[3]: should be two or more different numbers"),
        ({"layout": "pixel", "shifts": [3, 3]}, "should be two or more different numbers"),
        (
            {"layout": "pixel", "shifts": [0, 211]},
            "should be from 0 to 210, a quarter of the canvas",
        ),
        ({"layout": "pixel", "shifts": [-1, 2]}, "should be from 0 to 210"),
        ({"layout": "pixel", "shifts": [0.5, 2]}, "shifts=0.5: should be a valid integer"),
        ({"layout": "free", "sizes": [0.9, 0.3]}, "sizes=[0.9, 0.3]: should be two shares"),
        ({"layout": "free", "sizes": [0.5, 1.1]}, "sizes=[0.5, 1.1]: should be two shares"),
        ({"layout": "free", "sizes": [0.5, float("nan")]}, "should be two shares"),
    ],
)
def test_a_wrong_layout_is_one_clear_line(spec: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ProbeSpec(**spec)
    said = one_line(caught.value, ProbeSpec)
    assert line in said
    assert "\n" not in said


def test_every_option_of_a_layout_is_a_field_of_the_specification() -> None:
    for layout in LAYOUTS.values():
        assert issubclass(layout, Layout)
        assert options_of(layout) <= set(ProbeSpec.model_fields)
    assert {name: options_of(layout) for name, layout in LAYOUTS.items()} == {
        "grid": set(),
        "free": {"sizes"},
        "pixel": {"shifts"},
    }
