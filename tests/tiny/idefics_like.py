"""Relatives of Idefics: all tiles of a row of the batch in one tensor, markers before each tile."""

from __future__ import annotations

import torch
from torch import Generator

from .spec import IMAGE, TEXT, Layout, Pictures, Tiny, pixels
from .tiled import FAKE, GLOBAL, TILE, by_row

VISION = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=28,
    patch_size=7,
)
LATENTS = 6
FIRST, NEWLINE = 94, 10  # <row_1_col_1>


def _tiles(size: str, g: Generator) -> Pictures:
    return pixels(tiles=3 if size == "a" else 1)(size, g)


def _with_mask(rows: list[list[Pictures]]) -> Pictures:
    """Granite Docling tells real tiles from empty ones by a mask."""
    batch = by_row(rows)
    counts = torch.tensor([sum(p["pixel_values"].shape[1] for p in row) for row in rows])
    room = torch.arange(batch["pixel_values"].shape[1])
    return {**batch, "pixel_attention_mask": room < counts[:, None]}


MODELS = {
    "idefics2": Tiny(
        config=dict(
            vision_config=VISION,
            perceiver_config=dict(
                hidden_size=48,
                resampler_n_latents=LATENTS,
                resampler_depth=1,
                resampler_n_heads=2,
                resampler_head_dim=12,
                num_key_value_heads=1,
            ),
            text_config=dict(TEXT, model_type="mistral"),
            image_token_id=IMAGE,
        ),
        # Not split: only those pictures can be told apart.
        layouts={s: Layout([IMAGE] * LATENTS, [FAKE], [FAKE]) for s in "ab"},
        picture=pixels(tiles=1),
        collate=by_row,
        tokens={"<fake_token_around_image>": FAKE},
    ),
    "smolvlm": Tiny(
        config=dict(
            vision_config=VISION,
            text_config=dict(TEXT, model_type="llama"),
            image_token_id=IMAGE,
            scale_factor=2,
        ),
        # <fake><row_1_col_1>tile<fake><row_1_col_2>tile\n\n<fake><global-img>tile<fake>
        layouts={
            "a": Layout(
                [
                    *[*[IMAGE] * 4, FAKE, TILE, *[IMAGE] * 4, NEWLINE, NEWLINE],
                    *[FAKE, GLOBAL, *[IMAGE] * 4],
                ],
                [FAKE, FIRST],
                [FAKE],
            ),
            "b": Layout([IMAGE] * 4, [FAKE, GLOBAL], [FAKE]),
        },
        picture=_tiles,
        collate=by_row,
        tokens={"<global-img>": GLOBAL},
    ),
    "granite_docling": Tiny(
        config=dict(
            vision_config=dict(
                VISION, out_hidden_size=48, scale_factor=2, deepstack_visual_indexes=[0, 1]
            ),
            text_config=dict(TEXT, attention_multiplier=0.3, residual_multiplier=1.0),
            image_token_id=IMAGE,
        ),
        # As SmolVLM, but a picture of one tile has no view of the whole and ends with a newline.
        layouts={
            "a": Layout(
                [
                    *[*[IMAGE] * 4, FAKE, TILE, *[IMAGE] * 4, NEWLINE, NEWLINE],
                    *[FAKE, GLOBAL, *[IMAGE] * 4],
                ],
                [FAKE, FIRST],
                [FAKE],
            ),
            "b": Layout([IMAGE] * 4, [FAKE, FIRST], [NEWLINE]),
        },
        picture=_tiles,
        collate=_with_mask,
        tokens={"<row_1_col_1>": FIRST},
    ),
}
