"""Pictures, canvases and questions: what the probe promises, checked on what it makes."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.layouts import grid_boxes
from lmms_bapa.probes.pictures import draw_picture
from lmms_bapa.probes.questions import PROMPT, ProbeSpec, plan
from lmms_bapa.probes.sheet import contact_sheet
from lmms_bapa.probes.vocabulary import COLOURS, OBJECTS, captions, split_caption

SPECS = st.builds(
    ProbeSpec,
    rows=st.integers(2, 5),
    groups=st.integers(1, 3),
    seed=st.integers(0, 10_000),
    distractors=st.sampled_from(["random", "conjunction"]),
    order=st.sampled_from(["swap", "shift"]),
    objects=st.sampled_from(["core", "all"]),
    layout=st.sampled_from(["grid", "free"]),
)


def by_group(questions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [list(g) for _, g in groupby(questions, key=lambda q: q["group"])]


@given(SPECS)
@settings(deadline=None, max_examples=60)
def test_every_answer_is_true(spec: ProbeSpec) -> None:
    questions = list(plan(spec))
    assert len(questions) == spec.groups * spec.rows**2 * 2
    assert len({q["question_id"] for q in questions}) == len(questions)
    for q in questions:
        assert (q["caption"] in q["tiles"]) == (q["answer"] == "Yes")
        assert len(set(q["tiles"])) == len(q["tiles"]) == spec.rows**2
        if q["answer"] == "Yes":
            assert q["tiles"][q["cell"]] == q["caption"]


@given(SPECS)
@settings(deadline=None, max_examples=60)
def test_a_group_shows_the_same_pictures_with_the_key_in_every_cell_once(spec: ProbeSpec) -> None:
    for group in by_group(list(plan(spec))):
        shown = {frozenset(zip(q["tiles"], q["seeds"], strict=True)) for q in group}
        assert len(shown) == 1
        assert Counter(q["cell"] for q in group) == dict.fromkeys(range(spec.rows**2), 2)
        assert len({q["caption"] for q in group if q["asked"] == "absent"}) == 1


@given(SPECS)
@settings(deadline=None, max_examples=60)
def test_moving_the_key_by_a_swap_moves_one_other_picture_at_most(spec: ProbeSpec) -> None:
    for group in by_group(list(plan(spec))):
        keys = [q for q in group if q["asked"] == "key"]
        for a in keys:
            for b in keys:
                moved = sum(x != y for x, y in zip(a["tiles"], b["tiles"], strict=True))
                if spec.order == "swap":
                    assert moved <= 3
                else:  # the paper's: all pictures between the two cells move
                    assert moved == (abs(a["cell"] - b["cell"]) + 1 if a is not b else 0)


def test_only_the_key_and_the_picture_it_trades_places_with_move_from_home() -> None:
    for group in by_group(list(plan(ProbeSpec(groups=5)))):
        keys = [q for q in group if q["asked"] == "key"]
        swaps = {
            home["cell"]: max(
                sum(x != y for x, y in zip(home["tiles"], q["tiles"], strict=True)) for q in keys
            )
            for home in keys
        }
        assert min(swaps.values()) == 2  # seen from the home cell, a swap changes two cells


@given(st.integers(0, 500), st.integers(2, 4))
@settings(deadline=None, max_examples=40)
def test_conjunction_distractors_share_one_feature_with_the_key(seed: int, rows: int) -> None:
    for q in plan(ProbeSpec(groups=1, seed=seed, rows=rows, distractors="conjunction")):
        if q["asked"] == "key":
            colour, obj = split_caption(q["caption"])
            others = [split_caption(t) for t in q["tiles"] if t != q["caption"]]
            assert all((c == colour) != (o == obj) for c, o in others)
            assert {c == colour for c, _ in others} == {True, False}
        else:
            colour, obj = split_caption(q["caption"])
            shown = [split_caption(t) for t in q["tiles"]]
            assert any(c == colour for c, _ in shown)
            assert any(o == obj for _, o in shown)


def test_the_plan_is_a_function_of_the_seed() -> None:
    one, again, other = (list(plan(ProbeSpec(groups=3, seed=s))) for s in (1, 1, 2))
    assert one == again
    assert one != other
    assert list(plan(ProbeSpec(groups=5, seed=1)))[: len(one)] == one  # a longer probe starts alike


def test_keys_and_homes_are_spread_over_words_and_cells() -> None:
    questions = [q for q in plan(ProbeSpec(groups=500)) if q["asked"] == "key" and q["cell"] == 0]
    assert len({q["caption"] for q in questions}) > 90


def test_more_cells_than_captions_is_refused() -> None:
    from lmms_bapa.probes import questions

    with pytest.raises(ValueError, match="96 cells need more than the 96 captions"):
        questions._random_set(np.random.default_rng(0), captions(), 96)


def test_the_layout_is_the_papers() -> None:
    """Measured on the paper's published samples: boxes of 270 px at 8, 285 and 562."""
    boxes = grid_boxes()
    assert [(b.left, b.top) for b in boxes] == [
        (x, y) for y in (8, 285, 562) for x in (8, 285, 562)
    ]
    assert {b.side for b in boxes} == {270}


@pytest.mark.parametrize("rows", [2, 3, 5, 9])
@pytest.mark.parametrize("canvas", [96, 224, 840, 1000])
def test_boxes_lie_on_the_canvas_and_do_not_touch(rows: int, canvas: int) -> None:
    painted = np.zeros((canvas, canvas), dtype=int)
    for box in grid_boxes(rows, canvas):
        assert box.left >= 0
        assert box.top >= 0
        assert box.left + box.side <= canvas
        assert box.top + box.side <= canvas
        painted[box.top : box.top + box.side, box.left : box.left + box.side] += 1
    assert painted.max() == 1


def test_a_canvas_shows_each_picture_in_its_box() -> None:
    question = next(plan(ProbeSpec(groups=1, seed=3)))
    canvas = canvas_of(question)
    assert canvas.size == (840, 840)
    for tile, seed, box in zip(question["tiles"], question["seeds"], grid_boxes(), strict=True):
        area = (box.left, box.top, box.left + box.side, box.top + box.side)
        assert canvas.crop(area).tobytes() == draw_picture(tile, seed, box.side).tobytes()
    assert canvas.getpixel((0, 0)) == canvas.getpixel((281, 400)) == (255, 255, 255)


@pytest.mark.parametrize("name", captions(OBJECTS))
def test_a_picture_has_its_colour(name: str) -> None:
    """The pixels nearest to the named colour outnumber those nearest to any other colour."""
    colour, _ = split_caption(name)
    palette = np.array(list(COLOURS.values()), dtype=float)
    votes: Counter[str] = Counter()
    for seed in range(4):
        pixels = np.asarray(draw_picture(name, seed, 48), dtype=float).reshape(-1, 3)
        near = ((pixels[:, None] - palette) ** 2).sum(-1)
        sure = near.min(1) < 60**2
        votes.update(np.array(list(COLOURS))[near[sure].argmin(1)].tolist())
    assert votes.most_common(1)[0][0] == colour


def test_a_small_picture_is_the_large_one_scaled_down() -> None:
    for seed in range(8):
        large = draw_picture("blue key", seed, 270).resize((31, 31), Image.Resampling.BOX)
        small = draw_picture("blue key", seed, 31)
        difference = np.abs(np.asarray(large, dtype=float) - np.asarray(small, dtype=float))
        assert difference.mean() < 8


def test_pictures_vary_with_the_seed_and_only_with_it() -> None:
    a, b, c = (draw_picture("red star", s, 64).tobytes() for s in (1, 1, 2))
    assert a == b
    assert a != c


def test_there_are_at_least_96_captions_and_unknown_ones_are_refused() -> None:
    assert len(set(captions())) == 96
    with pytest.raises(ValueError, match="no picture is called 'crimson star'"):
        draw_picture("crimson star", 0, 32)
    with pytest.raises(ValueError, match="no picture is called"):
        draw_picture("red", 0, 32)


def test_the_prompt_is_the_papers() -> None:
    assert PROMPT.format(caption="red star") == (
        "Determine if there is a sub-image in the given image that matches the text following.\n"
        "Text: red star\nThe answer should only contain 'Yes' or 'No', without reasoning process.\n"
    )


def test_the_contact_sheet_shows_every_object() -> None:
    assert contact_sheet(per_caption=1, side=16).size == (15 * 18 + 2, 8 * 18 + 2)
