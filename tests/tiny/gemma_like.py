"""Gemma's kin: one run of soft tokens for each picture, sliding and full layers."""

from __future__ import annotations

import torch
from torch import Generator

from .spec import (
    AUDIO,
    END,
    IMAGE,
    SIGLIP,
    START,
    TEXT,
    VIDEO,
    VOCABULARY,
    Layout,
    Pictures,
    Tiny,
    marked_as,
    pixels,
)

# Two line breaks around each picture.
BROKEN = {s: Layout([IMAGE] * 4, [10, START], [END, 10]) for s in "ab"}
LAYERS = ["sliding_attention", "full_attention"]
# The last two layers take the keys of the first two.
SHARED = dict(
    TEXT,
    num_hidden_layers=4,
    layer_types=LAYERS * 2,
    num_kv_shared_layers=2,
    sliding_window=16,
    global_head_dim=16,
    use_bidirectional_attention="vision",
)
SOFT = {"a": (2, 3), "b": (2, 2)}  # rows and columns of soft tokens
MARKED = {s: Layout([IMAGE] * (h * w), [START], [END]) for s, (h, w) in SOFT.items()}
MULTIMODAL = dict(
    image_token_id=IMAGE,
    video_token_id=VIDEO,
    audio_token_id=AUDIO,
    boi_token_id=START,
    eoi_token_id=END,
    audio_config=None,
)


def _patches(size: str, g: Generator, merged: int, most: int, width: int) -> Pictures:
    """Patches with their columns and rows, filled up to the most that a picture may have."""
    h, w = (merged * n for n in SOFT[size])
    places = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="xy"), dim=-1)
    values, at = torch.zeros(1, most, width), torch.full((1, most, 2), -1)
    values[0, : h * w] = torch.rand(h * w, width, generator=g)
    at[0, : h * w] = places.reshape(-1, 2)
    return {"pixel_values": values, "image_position_ids": at}


MODELS = {
    "gemma3n": Tiny(
        config=dict(
            # A small timm network of the same kind of output; the real one has 300M parameters.
            vision_config=dict(
                architecture="test_convnext", hidden_size=64, vocab_size=18, vocab_offset=IMAGE
            ),
            audio_config=dict(
                conf_num_hidden_layers=1,
                conf_num_attention_heads=2,
                hidden_size=16,
                input_feat_size=16,
                vocab_size=2,
                vocab_offset=AUDIO,
            ),
            text_config=dict(
                TEXT,
                vocab_size_per_layer_input=IMAGE,
                hidden_size_per_layer_input=8,
                num_hidden_layers=4,
                intermediate_size=[64] * 4,
                layer_types=LAYERS * 2,
                num_kv_shared_layers=2,
                sliding_window=16,
                laurel_rank=8,
                activation_sparsity_pattern=[0.0] * 4,
            ),
            vision_soft_tokens_per_image=4,
            image_token_id=IMAGE,
            audio_token_id=AUDIO,
            boi_token_id=START,
            eoi_token_id=END,
        ),
        layouts=BROKEN,
        picture=pixels(64),
        extras=marked_as("token_type_ids"),
    ),
    "gemma4": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=16,
                patch_size=4,
                pooling_kernel_size=2,
                position_embedding_size=16,
            ),
            text_config=dict(
                SHARED, hidden_size_per_layer_input=8, vocab_size_per_layer_input=VOCABULARY
            ),
            **MULTIMODAL,
        ),
        layouts=MARKED,
        picture=lambda size, g: _patches(size, g, merged=2, most=32, width=48),
        extras=marked_as("mm_token_type_ids"),
    ),
    # No vision tower: merged patches are projected.
    "gemma4_unified": Tiny(
        config=dict(
            vision_config=dict(
                patch_size=4,
                pooling_kernel_size=2,
                mm_embed_dim=32,
                output_proj_dims=32,
                mm_posemb_size=16,
            ),
            text_config=SHARED,
            **MULTIMODAL,
        ),
        layouts=MARKED,
        picture=lambda size, g: _patches(size, g, merged=1, most=8, width=3 * 8 * 8),
        extras=marked_as("mm_token_type_ids"),
    ),
    "shieldgemma2": Tiny(
        config=dict(
            vision_config=SIGLIP,
            text_config=dict(
                TEXT,
                model_type="gemma3_text",
                sliding_window=16,
                layer_types=LAYERS,
                query_pre_attn_scalar=12,
            ),
            mm_tokens_per_image=4,
            image_token_index=IMAGE,
            boi_token_index=START,
            eoi_token_index=END,
        ),
        layouts=BROKEN,
        extras=marked_as("token_type_ids"),
        several=False,
    ),
}
