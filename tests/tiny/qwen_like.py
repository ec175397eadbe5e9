"""M-RoPE families: patches of any size in one list, and a grid for each picture."""

from __future__ import annotations

import torch
from torch import Generator

from .spec import END, IMAGE, START, TEXT, VIDEO, Layout, Pictures, Tiny, marked_as

GRIDS = {"a": (4, 6), "b": (8, 4)}  # rows and columns of patches; four patches make a token
MERGED = {size: Layout([IMAGE] * (h * w // 4), [START], [END]) for size, (h, w) in GRIDS.items()}
ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}


def patches(size: str, g: Generator) -> Pictures:
    """Patches of 4 x 4 pixels and two frames, as Qwen's processor flattens them."""
    h, w = GRIDS[size]
    return {
        "pixel_values": torch.randn(h * w, 3 * 2 * 16, generator=g),
        "image_grid_thw": torch.tensor([[1, h, w]]),
    }


MODELS = {
    "qwen2_5_vl": Tiny(
        config=dict(
            vision_config=dict(
                depth=2,
                hidden_size=32,
                intermediate_size=48,
                num_heads=2,
                out_hidden_size=48,
                patch_size=4,
                spatial_merge_size=2,
                temporal_patch_size=2,
                window_size=16,
                fullatt_block_indexes=[1],
            ),
            text_config=dict(TEXT, rope_parameters=ROPE),
            image_token_id=IMAGE,
            video_token_id=VIDEO,
            vision_start_token_id=START,
            vision_end_token_id=END,
        ),
        layouts=MERGED,
        picture=patches,
        extras=marked_as("mm_token_type_ids"),
        axes=3,
    ),
}
