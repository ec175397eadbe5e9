"""Mistral 4: a Pixtral tower, and latent attention whose queries also grow with the index."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, nn

from .llava_like import PIXTRAL
from .spec import BREAK, END, IMAGE, TEXT, Layout, Pictures, Tiny

SIZES = {"a": (24, 32), "b": (16, 24)}  # pixels; 8 x 8 of them make a token


def _layout(size: str) -> Layout:
    h, w = (side // 8 for side in SIZES[size])
    rows = [*[IMAGE] * w, BREAK] * h
    return Layout(rows[:-1], [], [END])


def _picture(size: str, g: Generator) -> Pictures:
    h, w = SIZES[size]
    return {
        "pixel_values": torch.randn(1, 3, h, w, generator=g),
        "image_sizes": torch.tensor([[h, w]]),
    }


def _padded(rows: list[list[Pictures]]) -> Pictures:
    """Filled up with zeros on the right and below."""
    every = [p for row in rows for p in row]
    canvas = torch.zeros(len(every), 3, 32, 32)
    for i, p in enumerate(every):
        h, w = p["pixel_values"].shape[-2:]
        canvas[i, :, :h, :w] = p["pixel_values"][0]
    return {"pixel_values": canvas, "image_sizes": torch.cat([p["image_sizes"] for p in every])}


def _scale_by_index(model: Any) -> None:
    """Both start at zero, and would hide the second use of the position ids."""
    for name, module in model.get_decoder().named_modules():
        if name.endswith("softmax_scaling"):
            nn.init.normal_(module.scale, 0, 0.2)
        if name.endswith("rotary_emb"):
            nn.init.normal_(module.alpha, 0, 0.2)


TOWER = dict(PIXTRAL, image_size=32, patch_size=4)
LATENT = dict(
    {k: v for k, v in TEXT.items() if k != "head_dim"},
    num_key_value_heads=4,
    moe_intermediate_size=32,
    n_routed_experts=4,
    num_experts_per_tok=2,
    kv_lora_rank=16,
    qk_rope_head_dim=8,
    qk_nope_head_dim=8,
    v_head_dim=12,
)
LAYOUTS = {size: _layout(size) for size in SIZES}

MODELS = {
    "mistral_large4": Tiny(
        config=dict(
            vision_config=TOWER,
            text_config=dict(
                LATENT,
                index_head_dim=12,
                index_n_heads=2,
                no_rope_layers=[1, 0],
                rope_parameters=dict(rope_type="default", rope_theta=10000.0),
            ),
            image_token_index=IMAGE,
            spatial_merge_size=2,
        ),
        layouts=LAYOUTS,
        picture=_picture,
        collate=_padded,
        prepare=_scale_by_index,
    ),
    # Mistral Small 4: its queries grow in steps, of 8 tokens here.
    "mistral3:mistral4": Tiny(
        config=dict(
            vision_config=TOWER,
            text_config=dict(
                LATENT,
                model_type="mistral4",
                q_lora_rank=16,
                rope_parameters=dict(
                    rope_type="yarn",
                    rope_theta=10000.0,
                    factor=64.0,
                    original_max_position_embeddings=8,
                    llama_4_scaling_beta=0.3,
                ),
            ),
            image_token_index=IMAGE,
            spatial_merge_size=2,
            vision_feature_layer=-1,
        ),
        layouts=LAYOUTS,
        picture=_picture,
        collate=_padded,
        since="5.23",
    ),
}
