"""Qwen2-VL to Qwen3.5: one run of image tokens between two markers."""

from __future__ import annotations

from typing import Any

from .qwen_like import MERGED, ROPE, patches
from .spec import END, IMAGE, START, TEXT, VIDEO, Tiny, marked_as

TOKENS = dict(
    image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=START, vision_end_token_id=END
)
EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32)
INTERLEAVED = dict(ROPE, mrope_interleaved=True)
VISION = dict(
    depth=2,
    hidden_size=32,
    out_hidden_size=48,
    num_heads=2,
    patch_size=4,
    intermediate_size=48,
    num_position_embeddings=64,
)
DEEPSTACK = dict(VISION, depth=3, deepstack_visual_indexes=[0, 1])
HYBRID = dict(
    TEXT,
    head_dim=16,
    layer_types=["linear_attention", "full_attention"],
    linear_num_value_heads=4,
    linear_num_key_heads=2,
    linear_key_head_dim=8,
    linear_value_head_dim=8,
    # All of a head is rotated, so that each of the three axes has a frequency.
    rope_parameters=dict(INTERLEAVED, mrope_section=[3, 3, 2], partial_rotary_factor=1.0),
)
# Of Qwen4's layers, one adds hashed n-grams of the prompt, one attends to the best blocks only.
INDEXED = dict(
    layer_types=["linear_attention", "indexed_attention"],
    hc_count=2,
    hc_lowrank=8,
    ple_layer_ids=[1],
    ple_embed_dim=16,
    ngram_size=2,
    heads_per_ngram=2,
    ngram_vocab_size_base=50,
    make_ngram_vocab_size_divisible_by=8,
    split_ngram_parts=1,
    indexer_n_heads=2,
    indexer_kv_heads=1,
    indexer_head_dim=16,
    indexer_budget=8,
    indexer_compress_ratio=4,
)


def qwen(vision: dict[str, Any], text: dict[str, Any], **config: Any) -> Tiny:
    """A model whose pictures come as flattened patches and a grid."""
    return Tiny(
        config=TOKENS | dict(vision_config=vision, text_config=text) | config,
        layouts=MERGED,
        picture=patches,
        extras=marked_as("mm_token_type_ids"),
        axes=3,
    )


MODELS = {
    "qwen2_vl": qwen(
        dict(depth=2, embed_dim=32, hidden_size=48, num_heads=2, patch_size=4, mlp_ratio=2),
        dict(TEXT, rope_parameters=ROPE),
    ),
    "qwen3_vl": qwen(DEEPSTACK, dict(TEXT, rope_parameters=INTERLEAVED)),
    "qwen3_vl_moe": qwen(DEEPSTACK, dict(TEXT, rope_parameters=INTERLEAVED) | EXPERTS),
    "qwen3_5": qwen(VISION, HYBRID),
    "qwen3_5_moe": qwen(VISION, HYBRID | EXPERTS | dict(shared_expert_intermediate_size=32)),
    "qwen4_exp": qwen(
        VISION, HYBRID | EXPERTS | dict(shared_expert_intermediate_size=32) | INDEXED
    ),
}
