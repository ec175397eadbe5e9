"""What the papers' own code computes, written anew from its description as an oracle.

Single image: equal to ours. Several images in one prompt: the BaPA code collapses the first N
tokens from the first image token on, N the number of all image tokens; the AGCI code takes one mean
over all image tokens of the call. Both stand behind compatibility options and are not the default.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import intervene, with_options

from .steering_tools import NEW, ONE, decoder_input, rotary_positions
from .tiny import TINY, Tiny
from .tiny.spec import IMAGE, Row

KINDS = ["llava", "llava_next", "qwen2_5_vl", "qwen3_vl", "gemma3", "internvl"]
TWO: Row = [3, "a", 2, "b", 9]


@pytest.fixture(scope="module", params=[kind for kind in KINDS if kind in TINY])
def tiny(request: pytest.FixtureRequest) -> tuple[Tiny, Any]:
    spec = TINY[request.param]
    return spec, spec.build(request.param)


def official_positions(ids: list[int]) -> list[float]:
    """Batch 1: arange, then the stretch of N tokens at the first image token's place, then on."""
    first, n = ids.index(IMAGE), ids.count(IMAGE)
    positions = list(range(len(ids)))
    positions[first : first + n] = [first] * n
    rest = len(ids) - first - n
    positions[first + n :] = range(first + 1, first + 1 + rest)
    last = positions[-1]
    return [float(p) for p in [*positions, *range(last + 1, last + NEW)]]


def official_agci(x: torch.Tensor, is_image: torch.Tensor, strength: float) -> torch.Tensor:
    """One mean over every image token that the call brings."""
    out = x.clone()
    v = x[is_image]
    g = v.sum(dim=0, keepdim=True) / v.shape[0]
    w = (v * g).sum(dim=-1, keepdim=True) / (v.norm(dim=-1, keepdim=True) * g.norm())
    out[is_image] = v + strength * (1 - w) * g
    return out


@pytest.mark.parametrize("changes", [{}, {"unit": "first_n"}], ids=["default", "first_n"])
def test_bapa_on_one_image(tiny: tuple[Tiny, Any], changes: dict[str, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE])
    row = with_options(model.config, **changes)
    with intervene(model, BaPA(), architecture=row):
        seen = rotary_positions(model, batch, spec.axes)
    want = official_positions(batch["input_ids"][0].tolist())
    for positions in seen:
        assert all(axis.tolist() == want for axis in positions[:, 0])


def test_bapa_on_two_images_behind_the_compatibility_option(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([TWO])
    want = official_positions(batch["input_ids"][0].tolist())
    row = with_options(model.config, unit="first_n")
    with intervene(model, BaPA(), architecture=row):
        theirs = rotary_positions(model, batch, spec.axes)
    with intervene(model, BaPA()):
        ours = rotary_positions(model, batch, spec.axes)
    for positions in theirs:
        assert all(axis.tolist() == want for axis in positions[:, 0])
    for positions in ours:
        assert all(axis.tolist() != want for axis in positions[:, 0])


@pytest.mark.parametrize("row", [ONE, TWO], ids=["one", "two"])
def test_agci_with_one_mean_for_the_call(tiny: tuple[Tiny, Any], row: Row) -> None:
    spec, model = tiny
    batch = spec.inputs([row])
    stock = decoder_input(model, batch)
    want = official_agci(stock, batch["input_ids"] == IMAGE, 0.5)
    with intervene(model, AGCI(0.5, scope="call")):
        torch.testing.assert_close(decoder_input(model, batch), want, atol=1e-5, rtol=1e-5)
    with intervene(model, AGCI(0.5)):
        ours = decoder_input(model, batch)
    assert torch.allclose(ours, want, atol=1e-5) == (row is ONE)


def test_agci_with_one_mean_mixes_the_rows_of_a_batch(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, ["b", 7]])
    stock = decoder_input(model, batch)
    want = official_agci(stock, batch["input_ids"] == IMAGE, 0.5)
    with intervene(model, AGCI(0.5, scope="call")):
        torch.testing.assert_close(decoder_input(model, batch), want, atol=1e-5, rtol=1e-5)
