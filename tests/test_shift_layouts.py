"""Where a shifted picture stands: against boxes computed by hand, and for any layout."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.shift.canvas import place
from lmms_bapa.shift.fills import FILLS
from lmms_bapa.shift.layouts import LAYOUTS, Layout, register
from lmms_bapa.shift.placement import Placement, frame
from lmms_bapa.shift.spec import SHIFT_VERSION, read_spec


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture without a white or repeated pixel row."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 250, (height, width, 3), dtype=np.uint8))


def corner(layout: Layout, name: str, size: tuple[int, int]) -> tuple[int, int]:
    placement = next(p for p in layout.placements if p.name == name)
    box = frame(size, placement, layout.ratio, layout.room)
    return box.left, box.top


def test_a_grid_goes_from_corner_to_corner() -> None:
    grid = LAYOUTS["grid"](rows=3, ratio=2)
    assert [p.name for p in grid.placements] == [f"r{r}c{c}" for r in (1, 2, 3) for c in (1, 2, 3)]
    # A picture of 60 x 40 on 120 x 80: 60 and 40 pixels are free.
    assert [corner(grid, p.name, (60, 40)) for p in grid.placements] == [
        (0, 0), (30, 0), (60, 0),
        (0, 20), (30, 20), (60, 20),
        (0, 40), (30, 40), (60, 40),
    ]  # fmt: skip


def test_a_larger_grid_and_ratio() -> None:
    grid = LAYOUTS["grid"](rows=4, ratio=4)
    assert len(grid.placements) == 16
    assert corner(grid, "r1c2", (100, 100)) == (100, 0)
    assert corner(grid, "r4c4", (100, 100)) == (300, 300)


def test_pixels_move_right_and_down_on_one_canvas() -> None:
    pixel = LAYOUTS["pixel"](shifts=[0, 1, 28])
    assert [corner(pixel, p.name, (40, 30)) for p in pixel.placements] == [(0, 0), (1, 1), (28, 28)]
    sizes = {
        (b.width, b.height)
        for b in (frame((40, 30), p, pixel.ratio, pixel.room) for p in pixel.placements)
    }
    assert sizes == {(68, 58)}  # 28 pixels more, as a quarter of the picture is less than that


@given(x=st.floats(0, 1), y=st.floats(0, 1), offset=st.integers(0, 30))
def test_an_offset_stays_on_the_canvas_from_any_anchor(x: float, y: float, offset: int) -> None:
    box = frame((50, 40), Placement("p", x, y, offset=offset), 1.2, room=30)
    assert offset <= box.left < box.right <= box.width
    assert offset <= box.top < box.bottom <= box.height


def test_sizes_change_around_one_centre() -> None:
    scale = LAYOUTS["scale"](sizes=[0.5, 1, 2])
    boxes = [frame((80, 60), p, scale.ratio) for p in scale.placements]
    assert [(b.box_width, b.box_height) for b in boxes] == [(40, 30), (80, 60), (160, 120)]
    assert {(b.left + b.right, b.top + b.bottom) for b in boxes} == {(160, 120)}


def test_free_places_are_seeded_and_the_same_for_all() -> None:
    places = LAYOUTS["free"](count=20, seed=3).placements
    assert places == LAYOUTS["free"](count=20, seed=3).placements
    assert places != LAYOUTS["free"](count=20, seed=4).placements
    assert len({(p.x, p.y, p.size) for p in places}) == 20
    assert all(0.75 <= p.size <= 1.25 for p in places)


def test_none_shows_the_original_only() -> None:
    spec = read_spec({"layout": "none"})
    assert spec.names == ("original",)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    ratio=st.floats(1.3, 4),
)
def test_the_whole_picture_is_always_on_the_canvas(
    name: str, width: int, height: int, ratio: float
) -> None:
    options: dict[str, Any] = {"none": {}, "scale": {"ratio": ratio, "sizes": [0.5, 1.3]}}.get(
        name, {"ratio": ratio}
    )
    layout = LAYOUTS[name](**options)
    boxes = [frame((width, height), p, layout.ratio, layout.room) for p in layout.placements]
    for box in boxes:
        assert 0 <= box.left < box.right <= box.width
        assert 0 <= box.top < box.bottom <= box.height
    assert len({(b.width, b.height) for b in boxes}) <= 1


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(sorted(FILLS)))
def test_pixels_are_copied_to_the_box(x: float, y: float, fill: str) -> None:
    picture, placement = noise(17, 23), Placement("p", x, y)
    canvas, box = place(picture, placement, 1.7, fill), frame((17, 23), placement, 1.7)
    shown = canvas.crop((box.left, box.top, box.right, box.bottom))
    assert canvas.size == (29, 39)
    assert np.array_equal(np.asarray(shown), np.asarray(picture))


def test_fills() -> None:
    picture = Image.new("RGB", (10, 10), (200, 0, 0))
    picture.paste((0, 100, 0), (0, 0, 5, 10))
    corners = {fill: place(picture, Placement("p"), 3, fill).getpixel((0, 0)) for fill in FILLS}
    assert corners["white"] == (255, 255, 255)
    assert corners["mean"] == (100, 50, 0)
    # The blurred picture keeps its colours: green to the left, red to the right.
    soft = place(picture, Placement("p"), 3, "blurred")
    left, right = np.asarray(soft)[15, 2], np.asarray(soft)[15, 27]
    assert left[1] > left[0]
    assert right[0] > right[1]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "CMYK", "LA"])
def test_any_mode_is_shown_and_left_alone(mode: str) -> None:
    picture = noise(8, 8).convert(mode)
    before = picture.tobytes()
    canvas = place(picture, Placement("p", 0, 0), 2, "mean")
    assert canvas.mode == "RGB"
    assert np.array_equal(np.asarray(canvas.crop((0, 0, 8, 8))), np.asarray(picture.convert("RGB")))
    assert picture.tobytes() == before


def test_a_monstrous_canvas_is_refused() -> None:
    with pytest.raises(UsageError, match=r"9000 x 6000 pixels needs a canvas of 18000 x 12000"):
        frame((9000, 6000), Placement("p"), 2)


def test_a_specification_in_full() -> None:
    spec = read_spec({"layout": "free", "count": 5, "ratio": 3, "fill": "mean", "documents": 10})
    assert spec.names == ("original", "p1", "p2", "p3", "p4", "p5")
    assert spec.summary() == {
        "layout": "free", "ratio": 3.0, "count": 5, "seed": 0, "sizes": [0.75, 1.25],
        "fill": "mean", "documents": 10, "together": 1, "replies": "auto", "judge": False,
    }  # fmt: skip
    assert isinstance(SHIFT_VERSION, str)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"layout": "gird"}, "shift.layout='gird': did you mean grid?"),
        ({"layout": 3}, "shift.layout=3: known are free, grid, none, pixel, scale"),
        ({"fill": "blured"}, "shift.fill='blured': did you mean blurred?"),
        ({"row": 3}, "shift.row is unknown to layout grid: did you mean rows?"),
        ({"layout": "free", "rows": 3}, "shift.rows is unknown to layout free"),
        ({"rows": 1}, "shift.rows=1: should be greater than or equal to 2"),
        ({"ratio": 1}, "ratio=1 leaves no space to move in"),
        ({"ratio": 9}, "shift.ratio=9: should be less than or equal to 8"),
        ({"ratio": "wide"}, "shift.ratio='wide': should be a valid number"),
        ({"layout": "none", "ratio": 2}, "shift.ratio=2: should be less than or equal to 1"),
        ({"layout": "scale", "sizes": [1, 3]}, "sizes must be above 0 and at most the ratio, 2"),
        ({"layout": "scale", "sizes": [1, 1]}, "sizes must differ"),
        ({"layout": "free", "sizes": [1, 2]}, "sizes must rise from above 0 to below the ratio"),
        ({"layout": "pixel", "shifts": [1, 1]}, "shifts must be different numbers of pixels"),
        ({"layout": "pixel", "shifts": [-1, 1]}, "shifts must be different numbers of pixels"),
        ({"documents": 0}, "shift.documents=0: should be greater than or equal to 1"),
        ({"replies": "word"}, "shift.replies='word': should be 'auto', 'letter', 'yes_no' or"),
    ],
)
def test_mistakes_are_one_clear_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_spec(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layout_is_one_class() -> None:
    class Twice(Layout):
        name = "twice"

        @property
        def placements(self) -> tuple[Placement, ...]:
            return Placement("up", 0.5, 0), Placement("down", 0.5, 1)

    register(Twice)
    try:
        assert read_spec({"layout": "twice"}).names == ("original", "up", "down")

        class Other(Layout):
            name = "twice"

        with pytest.raises(ValueError, match="two layouts are called 'twice'"):
            register(Other)
    finally:
        del LAYOUTS["twice"]


def test_names_of_places_are_unique() -> None:
    for layout in LAYOUTS.values():
        names = [p.name for p in layout().placements]
        assert len(set(names)) == len(names)
    assert not set(itertools.chain(*(p.name for p in LAYOUTS["grid"]().placements))) & {"original"}
