"""What cannot be followed is an error, never a run without the intervention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_outputs import BaseModelOutputWithPast

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import (
    ARCHITECTURES,
    Architecture,
    SteeringError,
    UnsupportedModelError,
    intervene,
)

from .steering_tools import NONE, ONE, generate, logits
from .tiny import TINY, Tiny
from .tiny.spec import VIDEO, decoder_of, taken_by


def test_merged_embeddings_without_ids_are_refused(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    x = torch.randn(1, 9, 48)
    # Without ids, old versions of Qwen2.5-VL cannot place them.
    positions = torch.arange(9).expand(*[3] * (spec.axes > 1), 1, 9)
    with intervene(model, AGCI(0.3)):
        with pytest.raises(SteeringError, match="without token ids"):
            model(inputs_embeds=x, position_ids=positions)
        with pytest.raises(SteeringError, match="without token ids"):
            model.get_decoder()(inputs_embeds=x)
    model(inputs_embeds=x, position_ids=positions)


def test_pictures_without_image_tokens_are_refused(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = taken_by(model, spec.inputs([NONE]) | spec.pictures([ONE]))
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="no image token"):
        model(**batch)


def test_image_tokens_without_pictures_are_refused(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = {k: v for k, v in spec.inputs([ONE]).items() if k in ("input_ids", "attention_mask")}
    with (
        intervene(model, AGCI(0.3)),
        pytest.raises(SteeringError, match="no pictures came with it"),
    ):
        model(**batch)
    model(**batch)


def test_position_axes_that_nobody_told_of_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, model = TINY["qwen2_5_vl"], TINY["qwen2_5_vl"].build("qwen2_5_vl")
    monkeypatch.setitem(ARCHITECTURES, "qwen2_5_vl", Architecture(unit="image", axes=1))
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="1 axes were expected"):
        generate(model, spec.inputs([ONE]))


def test_video_is_refused() -> None:
    spec, model = TINY["qwen2_5_vl"], TINY["qwen2_5_vl"].build("qwen2_5_vl")
    batch = taken_by(model, spec.inputs([NONE]))
    batch["input_ids"][0, 2] = VIDEO
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="no pixel_values_videos"):
        model(**batch)


def test_a_rotary_embedding_that_is_never_called_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    decoder = decoder_of(model)
    rotary = decoder.rotary_emb
    with intervene(model, BaPA()):
        # A decoder that computes its angles by another way, past the hooked module.
        monkeypatch.setattr(type(decoder), "forward", _without_rotary_call(rotary))
        with pytest.raises(SteeringError, match="never called"):
            logits(model, spec.inputs([ONE]))


def _without_rotary_call(rotary: Any) -> Any:
    def forward(self: Any, inputs_embeds: torch.Tensor, **_: Any) -> Any:
        rotary.forward(inputs_embeds, torch.arange(inputs_embeds.shape[1])[None])
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds)

    return forward


def test_models_without_pictures_are_refused() -> None:
    sizes = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    with torch.device("meta"):
        llama = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=50, pad_token_id=0))
    with pytest.raises(UnsupportedModelError, match="image token"):
        intervene(llama, BaPA())
    with pytest.raises(UnsupportedModelError, match="not a transformers model"):
        intervene(torch.nn.Linear(2, 2), BaPA())
