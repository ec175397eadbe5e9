"""Liquid's models: short convolutions between the attention layers."""

from __future__ import annotations

import torch
from torch import Generator

from .qwen_like import GRIDS, patches
from .spec import END, IMAGE, START, TEXT, VIDEO, Layout, Pictures, Tiny

FIRST, SECOND, THUMBNAIL = 104, 105, 106
SHAPES = {"a": [(4, 4), (4, 4), (2, 4)], "b": [(4, 2)]}  # of tiles and thumbnail, in patches


def _padded_patches(size: str, g: Generator) -> Pictures:
    """Patches of 4 x 4 pixels, filled up to 16 of them."""
    shapes = torch.tensor(SHAPES[size])
    mask = torch.arange(16) < shapes.prod(dim=1, keepdim=True)
    pixels = torch.randn(len(shapes), 16, 48, generator=g) * mask[..., None]
    return {
        "pixel_values": pixels,
        "spatial_shapes": shapes,
        "pixel_attention_mask": mask.long(),
    }


MODELS = {
    "lfm2_vl": Tiny(
        config=dict(
            vision_config=dict(
                model_type="siglip2_vision_model",
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_patches=16,
                patch_size=4,
            ),
            text_config=dict(TEXT, model_type="lfm2", layer_types=["conv", "full_attention"]),
            image_token_id=IMAGE,
            downsample_factor=2,
            projector_hidden_size=64,
        ),
        layouts={
            "a": Layout(
                [*[IMAGE] * 4, SECOND, *[IMAGE] * 4, THUMBNAIL, *[IMAGE] * 2],
                [START, FIRST],
                [END],
            ),
            "b": Layout([IMAGE] * 2, [START], [END]),
        },
        picture=_padded_patches,
        tokens={"<|image_start|>": START},
        since="5.0",  # before, the stock model is wrong in padded rows
        beam_since="5.19",  # before, generate repeats each tile, not each picture's tiles
    ),
    "lfm3_vl": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                patch_size=4,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                layer_types=["conv", "full_attention"],
            ),
            text_config=dict(
                TEXT,
                model_type="lfm3",
                num_hidden_layers=3,
                layer_types=["conv", "sliding_attention", "full_attention"],
                sliding_window=16,
            ),
            image_token_id=IMAGE,
            video_token_id=VIDEO,
            vision_start_token_id=START,
            vision_end_token_id=END,
            projector_hidden_size=64,
        ),
        layouts={size: Layout([IMAGE] * (h * w // 4)) for size, (h, w) in GRIDS.items()},
        picture=patches,
    ),
}
