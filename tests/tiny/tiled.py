"""Families that cut a picture into tiles, with tokens between the tiles."""

from __future__ import annotations

import torch

from .spec import BREAK, END, IMAGE, PAD, START, TEXT, Layout, Pictures, Tiny, pixels

TILE, GLOBAL, FAKE = 96, 97, 98
# Idefics3's tokenizer writes these in pieces: <row_r_col_c> and <global-img>.
TILE_TEXT, GLOBAL_TEXT = [60, 70, 62], [60, 61, 62]


def by_row(rows: list[list[Pictures]]) -> Pictures:
    """Idefics: (rows, tiles, 3, height, width), filled up with empty tiles."""
    stacks = [torch.cat([p["pixel_values"] for p in row], dim=1) if row else None for row in rows]
    longest = max(s.shape[1] for s in stacks if s is not None)
    out = torch.zeros(len(rows), longest, 3, 28, 28)
    for i, s in enumerate(stacks):
        if s is not None:
            out[i, : s.shape[1]] = s[0]
    return {"pixel_values": out}


MODELS = {
    "idefics3": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=28,
                patch_size=7,
            ),
            text_config=dict(TEXT, model_type="llama"),
            image_token_id=IMAGE,
            scale_factor=2,
        ),
        # <fake><row_1_col_1>tile<fake><row_1_col_2>tile\n\n<fake><global-img>tile<fake>
        layouts={
            "a": Layout(
                [
                    *[*[IMAGE] * 4, FAKE, *TILE_TEXT, *[IMAGE] * 4, 10, 10],
                    *[FAKE, *GLOBAL_TEXT, *[IMAGE] * 4],
                ],
                [FAKE, *TILE_TEXT],
                [FAKE],
            ),
            "b": Layout([IMAGE] * 4, [FAKE, *GLOBAL_TEXT], [FAKE]),
        },
        picture=lambda size, g: pixels(tiles=3 if size == "a" else 1)(size, g),
        collate=by_row,
        tokens={"<global-img>": GLOBAL_TEXT},
    ),
    "llama4": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=28,
                patch_size=7,
                pixel_shuffle_ratio=0.5,
                projector_input_dim=48,
                projector_output_dim=48,
                vision_output_dim=48,
            ),
            text_config=dict(
                TEXT,
                num_local_experts=2,
                intermediate_size_mlp=64,
                interleave_moe_layer_step=1,
                num_experts_per_tok=1,
                attention_chunk_size=256,
                no_rope_layers=[1, 0],
                attn_temperature_tuning=True,
            ),
            pad_token_id=PAD,
            image_token_index=IMAGE,
            boi_token_index=START,
            eoi_token_index=END,
        ),
        # <|image_start|>tile<|tile_x_separator|>tile<|tile_y_separator|><|image|>tile<|image_end|>
        layouts={
            "a": Layout(
                [*[IMAGE] * 4, TILE, *[IMAGE] * 4, BREAK, GLOBAL, *[IMAGE] * 4], [START], [END]
            ),
            "b": Layout([IMAGE] * 4, [START, GLOBAL], [END]),
        },
        picture=lambda size, g: {
            "pixel_values": torch.randn(3 if size == "a" else 1, 3, 28, 28, generator=g)
        },
        beam=False,  # the stock model does not repeat its pictures
    ),
}
