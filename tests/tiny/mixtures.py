"""Mixtures of experts that see patches of any size and a grid for each picture."""

from __future__ import annotations

import torch
from torch import Generator

from .qwen_like import GRIDS, MERGED, patches
from .spec import BREAK, END, IMAGE, START, TEXT, VIDEO, Layout, Pictures, Tiny

TOKENS = dict(image_token_id=IMAGE, video_token_id=VIDEO)
TOWER = dict(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, patch_size=4
)


def _square_patches(size: str, g: Generator) -> Pictures:
    h, w = GRIDS[size]
    return {
        "pixel_values": torch.randn(h * w, 3, 4, 4, generator=g),
        "image_grid_thw": torch.tensor([[1, h, w]]),
    }


MODELS = {
    "kimi_k25": Tiny(
        config=dict(
            vision_config=dict(TOWER, pos_emb_height=8, pos_emb_width=8),
            text_config=dict(
                {k: v for k, v in TEXT.items() if k != "head_dim"},
                model_type="deepseek_v3",
                num_key_value_heads=4,
                q_lora_rank=24,
                kv_lora_rank=16,
                qk_rope_head_dim=8,
                qk_nope_head_dim=8,
                v_head_dim=12,
                n_routed_experts=4,
                num_experts_per_tok=2,
                n_group=2,
                topk_group=1,
                moe_intermediate_size=32,
                first_k_dense_replace=1,
                num_mtp_layers=0,
            ),
            projection_hidden_size=32,
            vision_start_token_id=START,
            vision_end_token_id=END,
            **TOKENS,
        ),
        # Its chat template: <|media_begin|>image<|media_content|>..<|media_end|>\n
        layouts={s: Layout(p.inside, [START, 11, BREAK], [END, 10]) for s, p in MERGED.items()},
        picture=_square_patches,
    ),
    "minimax_m3_vl": Tiny(
        config=dict(
            vision_config=dict(TOWER, temporal_patch_size=2, spatial_merge_size=2, image_size=32),
            text_config=dict(
                TEXT,
                layer_types=["full_attention", "minimax_m3_sparse"],
                mlp_layer_types=["dense", "sparse"],
                num_local_experts=4,
                num_experts_per_tok=2,
                dense_intermediate_size=64,
                shared_intermediate_size=32,
                rotary_dim=12,
                index_n_heads=2,
                index_head_dim=12,
                # One block for all: the stock model cuts other blocks where a row is padded.
                index_block_size=128,
            ),
            projector_hidden_size=48,
            image_token_index=IMAGE,
            video_token_index=VIDEO,
        ),
        layouts=MERGED,
        picture=patches,
    ),
}
