"""Families whose tokenizer alone tells where a picture of several slices begins."""

from __future__ import annotations

import torch
from torch import Generator

from .qwen_family import HYBRID
from .spec import END, IMAGE, START, VIDEO, Layout, Pictures, Tiny

SLICE, SLICE_END, NUMBER, NUMBER_END, NEWLINE = 96, 97, 98, 99, 10


def _slice(tokens: int) -> list[int]:
    return [SLICE, *[IMAGE] * tokens, SLICE_END]


def _picture(size: str, g: Generator, side: int) -> Pictures:
    """Strips of patches of 4 x 4 pixels, one behind the other: the picture, then its slices."""
    sizes = [[side, side]] + ([[side, 2 * side]] * 4 if size == "a" else [])
    wide = 4 * sum(h * w for h, w in sizes)
    return {
        "pixel_values": torch.randn(1, 3, 4, wide, generator=g),
        "target_sizes": torch.tensor(sizes, dtype=torch.int32),
    }


def _one_strip(rows: list[list[Pictures]]) -> Pictures:
    every = [picture for row in rows for picture in row]
    return {
        "pixel_values": torch.cat([p["pixel_values"] for p in every], dim=-1),
        "target_sizes": torch.cat([p["target_sizes"] for p in every]),
    }


def _minicpm(side: int, mode: str) -> Tiny:
    """<image_id>0</image_id><image>..</image><slice>..</slice><slice>..</slice>\\n<slice>.."""
    before, whole = [NUMBER, 11, NUMBER_END, START], [IMAGE] * 4
    row = [*_slice(8), *_slice(8)]
    return Tiny(
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
            downsample_mode=mode,
            image_token_id=IMAGE,
            video_token_id=VIDEO,
        ),
        layouts={
            "a": Layout([*whole, END, *row, NEWLINE, *row[:-1]], before, [SLICE_END]),
            "b": Layout(whole, before, [END]),
        },
        picture=lambda size, g: _picture(size, g, side),
        collate=_one_strip,
        axes=3,
        tokens={"<image>": START},
    )


MODELS = {
    "minicpm_ocr": _minicpm(4, "4x"),
    "minicpmv4_6": _minicpm(8, "16x"),
}
