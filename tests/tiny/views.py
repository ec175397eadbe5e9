"""Families that show a picture in parts and as a whole, all of it one entry of the encoder."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from .spec import BREAK, END, IMAGE, START, TEXT, Layout, Pictures, Tiny

LOW, COLUMN, PART, PART_END = 96, 97, 98, 99
GRIDS = {"a": (2, 3), "b": (2, 2)}  # rows and columns of tokens of Molmo's close view


def _rows(height: int, width: int) -> list[int]:
    return [*[IMAGE] * width, COLUMN] * height


def _molmo(size: str) -> Layout:
    """<low_res_im_start>..<im_end><im_start>..<im_end>, with <im_col> behind each row."""
    close = _rows(*GRIDS[size])
    return Layout([*_rows(2, 2), END, START, *close[:-1]], [LOW], [COLUMN, END])


def _crops(size: str, g: Generator) -> Pictures:
    """The whole in 4 x 4 patches and, closer, in one or two crops; four patches make a token."""
    h, w = GRIDS[size]
    crops = 2 if size == "a" else 1
    far = torch.arange(16).view(2, 2, 2, 2).transpose(1, 2).reshape(4, 4)
    near = 16 + torch.randperm(16 * crops, generator=g)[: 4 * h * w].view(-1, 4)
    near[-1, 2:] = -1  # at the border there are fewer
    return {
        "pixel_values": torch.randn(1 + crops, 16, 48, generator=g),
        "image_token_pooling": torch.cat([far, near]),
        "image_grids": torch.tensor([[2, 2, h, w]]),
        "image_num_crops": torch.tensor([1 + crops]),
    }


def _counted_on(rows: list[list[Pictures]]) -> Pictures:
    """The patches of all pictures are numbered through."""
    every = [picture for row in rows for picture in row]
    batch = {name: torch.cat([p[name] for p in every]) for name in every[0]}
    pooled, before = [], 0
    for p in every:
        at = p["image_token_pooling"]
        pooled.append(torch.where(at >= 0, at + before, at))
        before += len(p["pixel_values"]) * 16
    return {**batch, "image_token_pooling": torch.cat(pooled)}


def _marks_too(ids: Tensor, new: int) -> Pictures:
    """Markers count as part of the picture."""
    del new
    marks = torch.tensor([IMAGE, START, END, LOW, COLUMN])
    return {"mm_token_type_ids": torch.isin(ids, marks).long()}


def _whole_and_parts(size: str, g: Generator) -> Pictures:
    picture = {"pixel_values": torch.randn(1, 3, 32, 32, generator=g)}
    if size == "a":
        picture["pixel_values_local"] = torch.randn(4, 3, 16, 16, generator=g)
    return picture


def _parts_apart(rows: list[list[Pictures]]) -> Pictures:
    every = [p for row in rows for p in row]
    parts = [p["pixel_values_local"] for p in every if "pixel_values_local" in p]
    batch = {
        "pixel_values": torch.cat([p["pixel_values"] for p in every]),
        "num_local_patches": torch.tensor([len(p.get("pixel_values_local", [])) for p in every]),
    }
    return batch | ({"pixel_values_local": torch.cat(parts)} if parts else {})


# Two rows of two parts; <patch_newline> behind each row but the last.
_PART = [PART, IMAGE, PART_END]
_PARTS = [*_PART * 2, BREAK, *_PART * 2, START]

MODELS = {
    "molmo2": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=16,
                image_size=[16, 16],
                patch_size=4,
            ),
            adapter_config=dict(
                vision_feature_layer=[1, 0],
                hidden_size=32,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=16,
                intermediate_size=48,
                text_hidden_size=48,
            ),
            # One layer has the scaled rotary embedding, the other the plain one.
            text_config=dict(
                TEXT,
                additional_vocab_size=8,
                rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=10000.0),
                rope_scaling_layers=[1],
            ),
            image_patch_id=IMAGE,
            image_start_token_id=START,
            image_end_token_id=END,
            low_res_image_start_token_id=LOW,
        ),
        layouts={s: _molmo(s) for s in "ab"},
        picture=_crops,
        collate=_counted_on,
        extras=_marks_too,
        # Features are added to the image token's embedding; with less they would not be seen.
        spread=0.15,
    ),
    "step3p7": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                mlp_ratio=1.5,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=32,
                patch_size=4,
            ),
            text_config=dict(
                TEXT,
                layer_types=["sliding_attention", "full_attention"],
                mlp_layer_types=["dense", "sparse"],
                sliding_window=16,
                num_sliding_attention_heads=2,
                n_routed_experts=4,
                num_experts_per_tok=2,
                moe_intermediate_size=32,
                share_expert_dim=32,
            ),
            image_token_id=IMAGE,
        ),
        # <patch_start>.<patch_end> for each part, then <im_start>..<im_end>
        layouts={
            "a": Layout([*_PARTS[1:], *[IMAGE] * 4], [PART], [END]),
            "b": Layout([IMAGE] * 4, [START], [END]),
        },
        picture=_whole_and_parts,
        collate=_parts_apart,
    ),
}
