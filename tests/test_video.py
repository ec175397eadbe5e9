"""Videos on Qwen2-VL and Qwen2.5-VL: each frame one image, or the whole clip."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import SteeringError, intervene

from .steering_tools import (
    NEW,
    assert_same,
    decoder_input,
    generate,
    logits,
    rotary_positions,
)
from .tiny import TINY
from .tiny.spec import END, IMAGE, START, VIDEO

# Frames (after the encoder merged them by two), rows and columns of patches; four make a token.
FRAMES, HEIGHT, WIDTH = 3, 4, 6
SIZE = HEIGHT * WIDTH // 4


def inputs(pad: int = 0, with_image: bool = False) -> dict[str, Any]:
    """Text, a clip, perhaps a picture, text; padded on the left."""
    g = torch.Generator().manual_seed(3)
    picture = [7, START, *[IMAGE] * 8, END] if with_image else []
    prompt = [5, 6, 7, START, *[VIDEO] * (FRAMES * SIZE), END, *picture, 8, 9, 10]
    ids = torch.tensor([[0] * pad + prompt])
    batch = {
        "input_ids": ids,
        "attention_mask": (ids > 0).long(),
        "mm_token_type_ids": (ids == IMAGE).long() + 2 * (ids == VIDEO).long(),
        "pixel_values_videos": torch.randn(FRAMES * HEIGHT * WIDTH, 96, generator=g),
        "video_grid_thw": torch.tensor([[FRAMES, HEIGHT, WIDTH]]),
    }
    if with_image:
        batch["pixel_values"] = torch.randn(32, 96, generator=g)
        batch["image_grid_thw"] = torch.tensor([[1, 8, 4]])
    return batch


def groups(unit: str, with_image: bool) -> list[int]:
    """How many tokens of the prompt stand together, part by part; 1 is a token of text."""
    clip = [SIZE] * FRAMES if unit == "frame" else [FRAMES * SIZE]
    picture = [1, 1, 8, 1] if with_image else []
    return [1, 1, 1, 1, *clip, 1, *picture, 1, 1, 1]


@pytest.fixture(scope="module", params=["qwen2_vl", "qwen2_5_vl"])
def model(request: pytest.FixtureRequest) -> Any:
    if request.param not in TINY:
        pytest.skip("not among the small models")
    return TINY[request.param].build(request.param)


@pytest.mark.parametrize("with_image", [False, True], ids=["video", "video+image"])
@pytest.mark.parametrize("unit", ["frame", "clip"])
def test_positions(model: Any, unit: Any, with_image: bool) -> None:
    want: list[int] = []
    for place, size in enumerate([*groups(unit, with_image), *[1] * (NEW - 1)]):
        want += [place] * size
    with intervene(model, BaPA(), video=unit):
        for pad in (0, 3):
            for seen in rotary_positions(model, inputs(pad, with_image), axes=3):
                assert all(axis.tolist() == want for axis in seen[:, 0, pad:])


@pytest.mark.parametrize("unit", ["frame", "clip"])
def test_agci(model: Any, unit: Any) -> None:
    batch = inputs(with_image=True)
    stock = decoder_input(model, batch)
    with intervene(model, AGCI(0.5), video=unit):
        got = decoder_input(model, batch)
    want, at = stock.clone(), 0
    for size in groups(unit, with_image=True):
        if size > 1:
            v = stock[0, at : at + size]
            g = v.mean(dim=0)
            cosine = (v @ g) / (v.norm(dim=-1) * g.norm())
            want[0, at : at + size] = v + 0.5 * (1 - cosine)[:, None] * g
        at += size
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_decoding_equals_a_recompute(model: Any) -> None:
    batch = inputs(with_image=True)
    with intervene(model, BaPA(), AGCI(0.3)):
        cached = generate(model, batch)
        longer = dict(copy.deepcopy(batch), input_ids=cached.sequences[:, :-1])
        for name, value in (("attention_mask", 1), ("mm_token_type_ids", 0)):
            longer[name] = torch.nn.functional.pad(batch[name], (0, NEW - 1), value=value)
        assert_same(torch.stack(cached.logits, dim=1), logits(model, longer)[:, -NEW:])


def test_a_family_whose_videos_are_not_proven_is_refused() -> None:
    spec = TINY["qwen3_vl"]
    model = spec.build("qwen3_vl")
    batch = spec.inputs([[6]])
    batch["input_ids"][0, 2] = VIDEO
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="video tokens cannot be"):
        model(**batch)
