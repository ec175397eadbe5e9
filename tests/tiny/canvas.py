"""MiniCPM-V 4.7: a thumbnail and slices, whose positions and markers lie on one canvas."""

from __future__ import annotations

import torch
from torch import Generator

from .qwen_family import HYBRID
from .spec import END, IMAGE, START, VIDEO, Layout, Pictures, Tiny, marked_as

NAME, NAMED, SLICE, SLICED, NEWLINE = 110, 111, 112, 113, 10
# Rows and columns of patches of the thumbnail and the slices; 16 patches make a token.
GRIDS = {"a": [(8, 8), (8, 4), (8, 4), (8, 4), (8, 4)], "b": [(4, 12)]}


def _patches(size: str, g: Generator) -> Pictures:
    """Patches of 4 x 4 pixels side by side."""
    grids = torch.tensor(GRIDS[size])
    width = 4 * int(grids.prod(dim=1).sum())
    return {"pixel_values": torch.randn(1, 3, 4, width, generator=g), "target_sizes": grids}


def _side_by_side(rows: list[list[Pictures]]) -> Pictures:
    every = [p for row in rows for p in row]
    return {
        "pixel_values": torch.cat([p["pixel_values"] for p in every], dim=-1),
        "target_sizes": torch.cat([p["target_sizes"] for p in every]),
    }


_SLICE = [SLICE, IMAGE, IMAGE, SLICED]
MODELS = {
    "minicpmv4_7": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=32,
                patch_size=4,
            ),
            text_config=dict(HYBRID, model_type="qwen3_5_text"),
            insert_layer_id=0,
            image_token_id=IMAGE,
            video_token_id=VIDEO,
            image_start_id=START,
            image_end_id=END,
            slice_start_id=SLICE,
            slice_end_id=SLICED,
            newline_id=NEWLINE,
        ),
        # <image_id>0</image_id><image>thumbnail</image><slice>..</slice><slice>..</slice>\n<slice>
        layouts={
            "a": Layout(
                [*[IMAGE] * 4, END, *_SLICE, *_SLICE, NEWLINE, *_SLICE, *_SLICE[:-1]],
                [NAME, 30, NAMED, START],
                [SLICED],
            ),
            "b": Layout([IMAGE] * 3, [NAME, 31, NAMED, START], [END]),
        },
        picture=_patches,
        collate=_side_by_side,
        extras=marked_as("mm_token_type_ids"),
        axes=3,
    ),
}
