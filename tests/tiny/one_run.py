"""Families whose picture is one run of tokens, and one entry of the vision encoder's output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Generator

from .llava_like import PIXTRAL, SIXTEEN, padded
from .spec import (
    BREAK,
    CLIP,
    END,
    IMAGE,
    SIGLIP,
    START,
    TEXT,
    VIDEO,
    Layout,
    Pictures,
    Tiny,
    pixels,
)

LLAMA = dict(TEXT, model_type="llama")
FASTVIT = dict(
    model_type="timm_wrapper",
    architecture="fastvit_mci3",
    hidden_size=256,
    do_pooling=True,
    global_pool="avg",
    model_args=dict(
        inference_mode=True,
        layers=(1, 1, 1, 1, 1),
        embed_dims=(8, 16, 32, 64, 128),
        mlp_ratios=(1, 1, 1, 1, 1),
    ),
)
SAM = dict(
    model_type="sam_vision_model",
    hidden_size=32,
    output_channels=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=32,
    patch_size=8,
    window_size=2,
    global_attn_indexes=[1],
    mlp_dim=48,
)


def _louder(model: Any) -> None:
    """With the small weights of the others nothing of a picture gets through its convolutions."""
    for p in model.model.vision_tower.parameters():
        if p.ndim == 4:
            torch.nn.init.kaiming_normal_(p)


def _merged(size: str, g: Generator) -> Pictures:
    """4 x 4 or 2 x 4 patches, of which four make a token."""
    h, w = (28, 28) if size == "a" else (14, 28)
    return {
        "pixel_values": torch.randn(1, 3, h, w, generator=g),
        "image_sizes": torch.tensor([[h, w]]),
    }


def _twice(_: str, g: Generator) -> Pictures:
    return {
        "pixel_values": torch.randn(1, 3, 28, 28, generator=g),
        "high_res_pixel_values": torch.randn(1, 3, 32, 32, generator=g),
    }


def _mistral(decoder: str) -> Tiny:
    return Tiny(
        config=dict(
            vision_config=PIXTRAL,
            text_config=dict(TEXT, model_type=decoder),
            image_token_index=IMAGE,
            spatial_merge_size=2,
            vision_feature_layer=-1,
        ),
        # Rows parted by break tokens, as Pixtral's processor writes them.
        layouts={
            "a": Layout([*[IMAGE] * 2, BREAK, *[IMAGE] * 2], [], [END]),
            "b": Layout([IMAGE] * 2, [], [END]),
        },
        picture=_merged,
        collate=padded,
    )


MODELS = {
    "vipllava": Tiny(
        config=dict(
            vision_config=dict(CLIP, num_hidden_layers=3),
            text_config=LLAMA,
            image_token_index=IMAGE,
            vision_feature_layer=[-1, -2],
            vision_feature_layers=[-1, -2],  # its older name
        ),
        layouts=SIXTEEN,
    ),
    "video_llava": Tiny(
        config=dict(
            vision_config=CLIP,
            text_config=LLAMA,
            image_token_index=IMAGE,
            video_token_index=VIDEO,
        ),
        layouts=SIXTEEN,
        since="5.21",  # before, its pictures are called pixel_values_images
    ),
    "mistral3": _mistral("mistral"),
    # Its decoder is as old as transformers 5.
    "mistral3:ministral3": replace(_mistral("ministral3"), since="5.0"),
    "lighton_ocr": Tiny(
        config=dict(
            vision_config=PIXTRAL,
            text_config=dict(TEXT, model_type="qwen3"),
            image_token_id=IMAGE,
            spatial_merge_size=2,
        ),
        layouts={"a": Layout([IMAGE] * 4), "b": Layout([IMAGE] * 2)},
        picture=_merged,
        collate=padded,
    ),
    "deepseek_vl": Tiny(
        config=dict(vision_config=SIGLIP, text_config=LLAMA, image_token_id=IMAGE),
        layouts=SIXTEEN,
    ),
    "deepseek_vl_hybrid": Tiny(
        config=dict(
            vision_config=SIGLIP,
            high_res_vision_config=SAM,
            text_config=LLAMA,
            image_token_id=IMAGE,
        ),
        layouts=SIXTEEN,
        picture=_twice,
        since="4.57.6",  # the stock model of 4.57.1 breaks on its own features
    ),
    "janus": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=28,
                patch_size=7,
                projection_dim=48,
                mlp_ratio=2.0,
                depth=2,
            ),
            text_config=LLAMA,
            vq_config=dict(
                embed_dim=8,
                num_embeddings=16,
                projection_dim=48,
                base_channels=32,
                channel_multiplier=[1, 1],
                num_res_blocks=1,
                num_patches=4,
                num_hidden_layers=1,
                hidden_size=32,
                image_token_embed_dim=48,
            ),
            image_token_id=IMAGE,
        ),
        layouts={s: Layout([IMAGE] * 16, [START], [END]) for s in "ab"},
    ),
    "fast_vlm": Tiny(
        config=dict(
            vision_config=FASTVIT,
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_index=IMAGE,
        ),
        layouts={s: Layout([IMAGE] * 4) for s in "ab"},
        picture=pixels(128),
        prepare=_louder,
    ),
}
