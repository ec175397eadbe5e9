"""Decoders that ask for the positions of cached tokens again, at every step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import SteeringError, intervene

from .steering_tools import ONE
from .tiny import TINY

KIND = "qwen4_exp"
SETTINGS = [BaPA(), BaPA(strength=0.5), BaPA(anchor="center")]
pytestmark = pytest.mark.skipif(KIND not in TINY, reason="this transformers does not have it")


@pytest.fixture(scope="module")
def model() -> Any:
    return TINY[KIND].build(KIND)


def forward(model: Any, **inputs: Any) -> Any:
    with torch.no_grad():
        return model(**inputs, use_cache=True)


def start(model: Any) -> Any:
    """The cache after a picture."""
    batch = TINY[KIND].inputs([ONE])
    del batch["attention_mask"]
    return forward(model, **batch).past_key_values


def feed(model: Any, cache: Any, *ids: int) -> Tensor:
    return forward(model, input_ids=torch.tensor([ids]), past_key_values=cache).logits


@pytest.mark.parametrize("bapa", SETTINGS, ids=str)
def test_chunks_of_text_on_a_kept_cache_equal_one_pass(model: Any, bapa: BaPA) -> None:
    text = [7, 8, 9, 10, 11]
    batch = TINY[KIND].inputs([ONE])
    ids = torch.cat([batch["input_ids"], torch.tensor([text])], dim=1)
    with intervene(model, bapa, AGCI(0.3)):
        cache = start(model)
        chunks = [feed(model, cache, *some) for some in (text[:3], text[3:4], text[4:])]
        whole = forward(model, **TINY[KIND].extended(batch, ids)).logits
    torch.testing.assert_close(torch.cat(chunks, dim=1), whole[:, -5:], atol=1e-5, rtol=0)


def test_positions_that_were_not_followed_are_refused(model: Any) -> None:
    with intervene(model, BaPA()):
        cache = start(model)
    feed(model, cache, 7)
    refusal = "without these interventions"
    with intervene(model, BaPA()), pytest.raises(SteeringError, match=refusal):
        feed(model, cache, 8)


def test_another_number_of_positions_is_refused(model: Any) -> None:
    def cut(_: Any, args: Any, kwargs: Any) -> Any:
        return args[:1], {**kwargs, "position_ids": args[1][..., 1:]}

    handle = model.get_decoder().rotary_emb.register_forward_pre_hook(cut, with_kwargs=True)
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="positions arrived"):
        start(model)
    handle.remove()
