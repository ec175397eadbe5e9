"""One vision tower, a projector, and a decoder with one position axis."""

from __future__ import annotations

import inspect

import torch
from torch import Generator, Tensor
from transformers import FuyuForCausalLM

from .spec import (
    BEFORE_5,
    BOS,
    BREAK,
    CLIP,
    END,
    IMAGE,
    SIGLIP,
    START,
    TEXT,
    Layout,
    Pictures,
    Tiny,
    marked_as,
)

SIXTEEN = {"a": Layout([IMAGE] * 16), "b": Layout([IMAGE] * 16)}


def _prefix(ids: Tensor, new: int) -> Pictures:
    """The prompt is seen from both sides, what was generated is not."""
    made = (torch.arange(ids.shape[1]) >= ids.shape[1] - new).long()
    if new and BEFORE_5:
        # There, only training looks at token types, so a recompute has to bring its own mask.
        order = torch.arange(ids.shape[1])
        seen = (made == 0) | (order <= order[:, None])
        hidden = torch.finfo(torch.float32).min
        return {"attention_mask": torch.where(seen, 0.0, hidden)[None, None]}
    return {"token_type_ids": made.expand(ids.shape)}


PIXTRAL = dict(
    model_type="pixtral",
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=28,
    patch_size=7,
    head_dim=16,
)


def _of_any_size(size: str, g: Generator) -> Pictures:
    """Pixtral: 4 x 4 or 2 x 3 patches."""
    h, w = (28, 28) if size == "a" else (14, 21)
    return {
        "pixel_values": torch.randn(1, 3, h, w, generator=g),
        "image_sizes": torch.tensor([[h, w]]),
    }


def padded(rows: list[list[Pictures]]) -> Pictures:
    """Pictures of several sizes, filled up with zeros on the right and below."""
    every = [p for row in rows for p in row]
    canvas = torch.zeros(len(every), 3, 28, 28)
    for i, p in enumerate(every):
        h, w = p["pixel_values"].shape[-2:]
        canvas[i, :, :h, :w] = p["pixel_values"][0]
    return {"pixel_values": canvas, "image_sizes": torch.cat([p["image_sizes"] for p in every])}


def _patches(size: str, g: Generator) -> Pictures:
    """Nine patches of 4 x 4 pixels. Fuyu's processor has those of all pictures in one list."""
    patches = torch.randn(9, 48, generator=g)
    if "pixel_values" in inspect.signature(FuyuForCausalLM.forward).parameters:
        return {"pixel_values": patches}
    return {"image_patches": patches[None]}  # as its older processor does it


MODELS = {
    "llava": Tiny(
        config=dict(
            vision_config=CLIP,
            text_config=dict(TEXT, model_type="llama"),
            image_token_index=IMAGE,
            vision_feature_layer=-1,
            vision_feature_select_strategy="default",
        ),
        layouts=SIXTEEN,
    ),
    # Pixtral: rows of one picture are parted by break tokens.
    "llava:pixtral": Tiny(
        config=dict(
            vision_config=PIXTRAL,
            text_config=dict(TEXT, model_type="mistral"),
            image_token_index=IMAGE,
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
        ),
        layouts={
            "a": Layout([*[*[IMAGE] * 4, BREAK] * 3, *[IMAGE] * 4], [], [END]),
            "b": Layout([*[IMAGE] * 3, BREAK, *[IMAGE] * 3], [], [END]),
        },
        picture=_of_any_size,
        collate=padded,
    ),
    "gemma3": Tiny(
        config=dict(
            vision_config=SIGLIP,
            text_config=dict(
                TEXT,
                sliding_window=16,
                layer_types=["sliding_attention", "full_attention"],
                query_pre_attn_scalar=12,
            ),
            mm_tokens_per_image=4,
            image_token_index=IMAGE,
        ),
        layouts={s: Layout([IMAGE] * 4, [START], [END]) for s in "ab"},
        extras=marked_as("token_type_ids"),
    ),
    "paligemma": Tiny(
        config=dict(
            vision_config=dict(SIGLIP, projection_dim=48),
            text_config=dict(TEXT, model_type="gemma"),
            image_token_index=IMAGE,
            projection_dim=48,
            hidden_size=48,
        ),
        layouts=SIXTEEN,
        extras=_prefix,
        first=1,
    ),
    "fuyu": Tiny(
        config=dict(
            text_config=dict(TEXT, model_type="persimmon", qk_layernorm=True),
            patch_size=4,
            num_channels=3,
            image_token_id=IMAGE,
            **{k: v for k, v in TEXT.items() if k != "head_dim"},
        ),
        # A newline token behind each row of patches, and the text's first token behind them all.
        layouts={
            s: Layout([*[*[IMAGE] * 3, BREAK] * 2, *[IMAGE] * 3], [], [BREAK, BOS]) for s in "ab"
        },
        picture=_patches,
        several=False,  # the processor puts its one picture before the text
        beam=False,  # the stock model does not repeat its pictures
    ),
}
