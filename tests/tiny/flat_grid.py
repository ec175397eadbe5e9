"""Vision towers with a grid, as Qwen has them, before a decoder with one position axis."""

from __future__ import annotations

import torch
from torch import Generator

from .grid_like import patches_of
from .qwen_like import GRIDS, patches
from .qwen_like import MODELS as QWEN
from .spec import IMAGE, TEXT, VIDEO, Layout, Pictures, Tiny

TOKENS = dict(image_token_id=IMAGE, video_token_id=VIDEO)
VISION = QWEN["qwen2_5_vl"].config["vision_config"]
# The processors write nothing around a picture; what stands there is up to the chat template.
BARE = {size: Layout([IMAGE] * (h * w // 4)) for size, (h, w) in GRIDS.items()}


def _merged_by_two(size: str, g: Generator) -> Pictures:
    """VideoLLaMA3 is told for each picture how many patches become a token."""
    return patches_of(3 * 16)(size, g) | {"image_merge_sizes": torch.tensor([2])}


MODELS = {
    "exaone4_5": Tiny(
        config=TOKENS
        | dict(
            vision_config=VISION | dict(num_key_value_heads=1),
            text_config=dict(
                TEXT,
                model_type="exaone4",
                sliding_window=16,
                layer_types=["sliding_attention", "full_attention"],
            ),
        ),
        layouts=BARE,
        picture=patches,
        counts_padding=True,  # it never takes position ids in generation
    ),
    "hyperclovax_vision_v2": Tiny(
        config=TOKENS
        | dict(
            vision_config=VISION | dict(model_type="qwen2_5_vl_vision"),
            text_config=dict(TEXT, model_type="hyperclovax"),
        ),
        layouts=BARE,
        picture=patches,
        counts_padding=True,  # it never takes position ids in generation
    ),
    "video_llama_3": Tiny(
        config=TOKENS
        | dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                patch_size=4,
            ),
            text_config=dict(TEXT, model_type="qwen2"),
        ),
        layouts=BARE,
        picture=_merged_by_two,
    ),
}
