"""Other M-RoPE families that take flattened patches and a grid, as Qwen does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Generator, Tensor

from .glm_like import TOKENS as BETWEEN_IMAGE_MARKERS
from .qwen_family import DEEPSTACK, INTERLEAVED, qwen
from .qwen_like import GRIDS, MERGED, ROPE
from .spec import END, IMAGE, START, TEXT, Layout, Pictures, Tiny, marked_as

# A begin token, a newline behind each row, and an end token are image tokens, too.
WITH_NEWLINES = {
    size: Layout([IMAGE] * (h // 2 * (w // 2 + 1) + 2), [START], [END])
    for size, (h, w) in GRIDS.items()
}


def patches_of(*shape: int) -> Callable[[str, Generator], Pictures]:
    """Patches of a shape, as many as the grid has."""

    def picture(size: str, g: Generator) -> Pictures:
        h, w = GRIDS[size]
        return {
            "pixel_values": torch.randn(h * w, *shape, generator=g),
            "image_grid_thw": torch.tensor([[1, h, w]]),
        }

    return picture


def _with_markers(ids: Tensor, new: int) -> dict[str, Tensor]:
    """Ernie's experts for pictures see the markers, too."""
    seen = (ids == IMAGE) | (ids == START) | (ids == END)
    return marked_as("mm_token_type_ids")(ids, new) | {"moe_mm_token_type_ids": seen.long()}


MODELS = {
    "cohere_compass": qwen(
        DEEPSTACK,
        dict(
            TEXT,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
            rope_parameters={"sliding_attention": INTERLEAVED, "full_attention": None},
        ),
    ),
    "cosmos3_edge": replace(
        qwen(
            dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                patch_size=4,
                num_patches=16,
            ),
            dict(TEXT, rope_parameters=ROPE),
            projector_hidden_size=64,
        ),
        picture=patches_of(3 * 16),
    ),
    "cosmos3_omni": qwen(DEEPSTACK, dict(TEXT, rope_parameters=INTERLEAVED)),
    "ernie4_5_vl_moe": Tiny(
        config=BETWEEN_IMAGE_MARKERS
        | dict(
            vision_config=dict(
                depth=2, hidden_size=32, intermediate_size=48, num_heads=2, patch_size=4
            ),
            text_config=dict(
                TEXT,
                rope_parameters=ROPE,
                moe_num_experts=4,
                moe_k=2,
                moe_num_shared_experts=1,
                moe_intermediate_size=[32, 16],
            ),
        ),
        layouts=MERGED,
        picture=patches_of(3 * 16),
        extras=_with_markers,
        axes=3,
    ),
    "hunyuan_vl": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                patch_size=4,
                max_image_size=32,
            ),
            text_config=dict(TEXT, rope_parameters=dict(ROPE, mrope_section=[2, 2, 1, 1])),
            image_token_id=IMAGE,
            im_start_id=START,
            im_end_id=END,
        ),
        layouts=WITH_NEWLINES,
        picture=patches_of(3 * 16),
        extras=marked_as("mm_token_type_ids"),
        axes=4,
    ),
    "paddleocr_vl": replace(
        qwen(
            dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=32,
                patch_size=4,
            ),
            dict(TEXT, rope_parameters=ROPE),
        ),
        picture=patches_of(3, 4, 4),
    ),
}
