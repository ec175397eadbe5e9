"""Prompts in which nobody can tell the tiles of one picture from two pictures are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lmms_bapa.interventions import BaPA
from lmms_bapa.steering import SteeringError, UnsupportedModelError, intervene
from lmms_bapa.steering.spans import image_segments, marker_ends

from .tiny import TINY, Tiny
from .tiny.spec import Tokenizer

IDS = torch.tensor([[7, 8, 9, 7, 8, 1, 8, 9]])


def where(row: str, letter: str) -> Tensor:
    return torch.tensor([[c == letter for c in row]])


@pytest.mark.parametrize(
    ("marker", "at"), [((9,), [2, 7]), ((7, 8), [1, 4]), ((7, 8, 9), [2]), ((8, 9, 1), [])]
)
def test_a_marker_is_found_at_its_last_token(marker: tuple[int, ...], at: list[int]) -> None:
    assert marker_ends(IDS, marker)[0].nonzero().flatten().tolist() == at


def test_a_tiled_image_without_its_last_tile_is_refused() -> None:
    row = "liitiitlii"  # the middle tile belongs to the image that ends behind the second l
    got = image_segments(where(row, "i"), last=where(row, "l"))
    assert got.tolist() == [[0, 1, 1, 0, 2, 2, 2, 2, 2, 2]]
    with pytest.raises(ValueError, match="last tile"):
        image_segments(where(row[:-3], "i"), last=where(row[:-3], "l"))


@pytest.mark.parametrize(("row", "clear"), [("fiifii", False), ("fiiffii", True), ("iitfii", True)])
def test_runs_that_may_be_one_image_or_two_are_refused(row: str, clear: bool) -> None:
    f, i = where(row, "f"), where(row, "i")
    if clear:
        assert int(image_segments(i, unclear=f).max()) == 2
    else:
        with pytest.raises(ValueError, match="does not tell"):
            image_segments(i, unclear=f)


def tiny(name: str) -> tuple[Tiny, Any]:
    if name not in TINY:
        pytest.skip(f"this transformers has no {name}")
    return TINY[name], TINY[name].build(name)


def test_idefics2_hears_how_to_tell_its_pictures_apart() -> None:
    spec, model = tiny("idefics2")
    batch = spec.inputs([[2, "a", "b", 3]])
    # The processor makes one token of the two between neighbours.
    twice = 2 + 1 + len(spec.layouts["a"].inside)
    for name in ("input_ids", "attention_mask"):
        batch[name] = torch.cat([batch[name][:, :twice], batch[name][:, twice + 1 :]], dim=1)
    with (
        intervene(model, BaPA(), tokenizer=spec.tokenizer),
        pytest.raises(SteeringError, match=r"does not tell.*do_image_splitting=False"),
    ):
        model(**batch)


def test_a_tokenizer_without_the_marker_is_refused() -> None:
    class Unknowing(Tokenizer):
        def encode(self, text: str, add_special_tokens: bool) -> list[int]:
            return []

    _, model = tiny("smolvlm")
    with pytest.raises(UnsupportedModelError, match="<global-img> tells, which this tokenizer"):
        intervene(model, BaPA(), tokenizer=Unknowing({}))
    with pytest.raises(UnsupportedModelError, match="pass tokenizer="):
        intervene(model, BaPA())


def test_tiles_that_were_encoded_without_steering_are_refused() -> None:
    spec, model = tiny("perception_lm")
    batch = spec.inputs([[2, "a", "b", 3]])
    features = model.model.get_image_features(batch.pop("pixel_values"), return_dict=True)
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="give pixel_values"):
        model(**batch, mm_encoder_outputs={"image": features})
