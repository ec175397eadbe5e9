"""Readers of pages: the tiles of a page, then the whole page, in one run of image tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, nn

from .spec import IMAGE, TEXT, Layout, Pictures, Tiny

SAM = dict(
    hidden_size=32,
    output_channels=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=32,
    patch_size=4,
    window_size=2,
    global_attn_indexes=[1],
    mlp_dim=48,
    downsample_channels=[16, 32],
)
EXPERTS = dict(
    TEXT,
    n_routed_experts=4,
    n_shared_experts=1,
    num_experts_per_tok=2,
    moe_intermediate_size=32,
    mlp_layer_types=["dense", "sparse"],
)
TILES = {"a": [2, 1], "b": [1, 1]}  # columns and rows; a small page has no tiles


def _page(size: str, g: Generator) -> Pictures:
    page = {"pixel_values": torch.randn(1, 3, 32, 32, generator=g)}
    if size == "a":
        page["pixel_values_local"] = torch.randn(2, 3, 32, 32, generator=g)
    return page


def _together(rows: list[list[Pictures]]) -> Pictures:
    """Whole pages, and the tiles of all that have some."""
    every = [p for row in rows for p in row]
    tiles = [p["pixel_values_local"] for p in every if "pixel_values_local" in p]
    batch: dict[str, Any] = {
        "pixel_values": torch.cat([p["pixel_values"] for p in every]),
        "num_local_patches": [len(p.get("pixel_values_local", [])) for p in every],
    }
    return batch | ({"pixel_values_local": torch.cat(tiles)} if tiles else {})


def _with_counts(rows: list[list[Pictures]]) -> Pictures:
    """Its processor counts in a tensor."""
    batch = _together(rows)
    return {**batch, "num_local_patches": torch.tensor(batch["num_local_patches"])}


def _with_grid(rows: list[list[Pictures]]) -> Pictures:
    """Its processor tells the columns and rows of tiles too, in lists."""
    batch: dict[str, Any] = _together(rows)
    counts: list[int] = batch["num_local_patches"]
    return {**batch, "patches_grid": [TILES["a" if n else "b"] for n in counts]}


def _fewer_queries(model: Any) -> None:
    """The number of queries of a view, 144, is not in the configuration."""
    tower = model.model.vision_tower
    tower.query_768_resolution = nn.Embedding(4, 32)


MODELS = {
    "deepseek_ocr2": Tiny(
        config=dict(
            vision_config=dict(
                sam_config=SAM,
                encoder_config=dict(
                    hidden_size=32,
                    intermediate_size=48,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    num_key_value_heads=2,
                ),
            ),
            text_config=EXPERTS,
            image_token_id=IMAGE,
        ),
        # Four tokens for each view and one to part them.
        layouts={"a": Layout([IMAGE] * 13), "b": Layout([IMAGE] * 5)},
        picture=_page,
        collate=_with_counts,
        prepare=_fewer_queries,
    ),
    "unlimited_ocr": Tiny(
        config=dict(
            vision_config=dict(
                sam_config=SAM,
                encoder_config=dict(
                    hidden_size=32,
                    intermediate_size=48,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    image_size=8,
                    patch_size=4,
                ),
            ),
            text_config=dict(EXPERTS, sliding_window=16),
            image_token_id=IMAGE,
        ),
        # A newline behind each row: 2 x (4 + 1) for the tiles, 2 x (2 + 1) for the page, and one.
        layouts={"a": Layout([IMAGE] * 17), "b": Layout([IMAGE] * 7)},
        picture=_page,
        collate=_with_grid,
    ),
}
