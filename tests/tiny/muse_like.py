"""Muse: patches of any size in one list, a grid for each picture, and one position axis."""

from __future__ import annotations

from typing import Any

from .qwen_like import MERGED, patches
from .spec import AUDIO, IMAGE, TEXT, VIDEO, Tiny


def _config(**text: Any) -> dict[str, Any]:
    return dict(
        vision_config=dict(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            patch_size=4,
            pos_emb_height=4,
            pos_emb_width=4,
            layer_types=["window_attention", "full_attention"],
        ),
        # The first layer is a sliding one with positions, the second a full one without.
        text_config=dict(TEXT, num_hidden_layers=2, sliding_window=16, **text),
        out_hidden_size=32 * 4,
        projector_hidden_size=48,
        image_token_id=IMAGE,
        video_token_id=VIDEO,
    )


MODELS = {
    "muse_glimmer": Tiny(config=_config(), layouts=MERGED, picture=patches),
    "muse_spark": Tiny(
        config=dict(
            _config(
                mlp_layer_types=["dense", "sparse"],
                moe_intermediate_size=32,
                moe_hidden_size=32,
                num_local_experts=4,
                num_experts_per_tok=2,
            ),
            audio_config=dict(
                patch_sizes=[4, 2],
                hidden_sizes=[8, 16],
                depths=[1, 1],
                num_hidden_layers=2,
                out_hidden_size=48,
            ),
            audio_token_id=AUDIO,
        ),
        layouts=MERGED,
        picture=patches,
    ),
}
