"""A picture in tiles that are packed into one run, its row breaks being features, not tokens."""

from __future__ import annotations

import torch
from torch import Generator

from .spec import CLIP, IMAGE, SIGLIP, TEXT, VIDEO, Layout, Pictures, Tiny

SIZES = {"a": (28, 56), "b": (28, 28)}  # height and width; both lie on a canvas of 28 x 56
# The whole picture, then four rows of eight or (padding taken off) four patches and a newline.
PACKED = {"a": Layout([IMAGE] * (16 + 4 * 9)), "b": Layout([IMAGE] * (16 + 4 * 5))}
PINPOINTS = [[28, 56], [56, 28], [56, 56]]


def tiles(size: str, g: Generator) -> Pictures:
    """The whole picture and the two halves of its canvas."""
    return {
        "pixel_values": torch.randn(1, 3, 3, 28, 28, generator=g),
        "image_sizes": torch.tensor([SIZES[size]]),
    }


def _counted(size: str, g: Generator) -> Pictures:
    """LLaVA-OneVision tiles only prompts of one picture, or pictures given as a flat list."""
    return {**tiles(size, g), "batch_num_images": torch.tensor([1])}


MODELS = {
    "llava_next": Tiny(
        config=dict(
            vision_config=CLIP,
            text_config=dict(TEXT, model_type="mistral", sliding_window=None),
            image_token_index=IMAGE,
            image_grid_pinpoints=PINPOINTS,
        ),
        layouts=PACKED,
        picture=tiles,
    ),
    "llava_next_video": Tiny(
        config=dict(
            vision_config=CLIP,
            text_config=dict(TEXT, model_type="llama"),
            image_token_index=IMAGE,
            video_token_index=VIDEO,
            image_grid_pinpoints=PINPOINTS,
        ),
        layouts=PACKED,
        picture=tiles,
    ),
    "llava_onevision": Tiny(
        config=dict(
            vision_config=SIGLIP,
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_index=IMAGE,
            video_token_index=VIDEO,
            image_grid_pinpoints=PINPOINTS,
            vision_feature_layer=-1,
        ),
        layouts=PACKED,
        picture=_counted,
    ),
}
