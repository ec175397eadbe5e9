"""More families that cut a picture into tiles: the vision encoder gives one entry a tile."""

from __future__ import annotations

import torch
from torch import Generator

from .spec import BREAK, END, IMAGE, SIGLIP, START, TEXT, VIDEO, Layout, Pictures, Tiny
from .spec import pixels as square

COHERE = dict(
    TEXT,
    model_type="cohere2",
    sliding_window=16,
    layer_types=["sliding_attention", "full_attention"],
)
VIT = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=[32, 32],
    patch_size=[8, 8],
)
SAM = dict(
    hidden_size=32,
    output_channels=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=64,
    patch_size=8,
    window_size=2,
    global_attn_indexes=[1],
    mlp_dim=48,
)
PERCEPTION = dict(
    model_type="timm_wrapper",
    architecture="vit_pe_core_large_patch14_336",
    hidden_size=64,
    model_args=dict(
        embed_dim=64,
        img_size=(56, 56),
        depth=2,
        global_pool="",
        use_post_transformer_norm=False,
        init_values=0.1,
        ref_feat_shape=(4, 4),
    ),
)
# Aya's tile markers are text to its tokenizer: TILE_1, TILE_2, TILE_GLOBAL.
FIRST, SECOND, WHOLE = [60, 61, 62], [60, 61, 63], [60, 61, 64]
# Ovis' indicator tokens, which have rows of their own in the visual vocabulary.
OPEN, GRID, COLUMN, ROW, CLOSE = range(110, 115)
TILE = [IMAGE] * 4
# <img>, the tokens of all tiles, </img>.
JOINED = {"a": Layout(TILE * 3, [START], [END]), "b": Layout(TILE, [START], [END])}


def tiles(pixels: int, a: int, b: int = 1) -> dict:
    """Square tiles one behind the other, ``a`` or ``b`` of them."""

    def picture(size: str, g: Generator) -> Pictures:
        count = a if size == "a" else b
        return {"pixel_values": torch.randn(count, 3, pixels, pixels, generator=g)}

    # Before, generate repeats each tile, not each picture's tiles.
    return dict(picture=picture, beam_since="5.19")


def _with_mask(size: str, g: Generator) -> Pictures:
    made = tiles(28, 2)["picture"](size, g)
    return {**made, "pixel_mask": torch.ones(len(made["pixel_values"]), 28, 28).bool()}


def _got_ocr() -> Tiny:
    return Tiny(
        config=dict(
            vision_config=SAM,
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_index=IMAGE,
        ),
        layouts=JOINED,
        **tiles(64, 3),
    )


MODELS = {
    "internvl": Tiny(
        config=dict(
            vision_config=VIT,
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_id=IMAGE,
        ),
        layouts=JOINED,
        **tiles(32, 3),
    ),
    "qianfan_ocr": Tiny(
        config=dict(
            vision_config=VIT,
            text_config=dict(TEXT, model_type="qwen3"),
            image_token_id=IMAGE,
        ),
        layouts=JOINED,
        **tiles(32, 3),
    ),
    "got_ocr2": _got_ocr(),
    "pp_chart2table": _got_ocr(),
    "aya_vision": Tiny(
        config=dict(
            vision_config=SIGLIP,
            text_config=COHERE,
            image_token_index=IMAGE,
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
        ),
        layouts={
            "a": Layout([*TILE, *SECOND, *TILE, *WHOLE, *TILE], [START, *FIRST], [END]),
            "b": Layout(TILE, [START, *WHOLE], [END]),
        },
        tokens={"<|START_OF_IMG|>": START},
        **tiles(28, 3),
    ),
    "cohere2_vision": Tiny(
        config=dict(
            vision_config=SIGLIP,
            text_config=COHERE,
            image_token_id=IMAGE,
            alignment_intermediate_size=64,
        ),
        # A line break behind each tile.
        layouts={
            "a": Layout([*TILE, BREAK, *TILE, BREAK, *TILE], [START], [BREAK, END]),
            "b": Layout(TILE, [START], [BREAK, END]),
        },
        tokens={"<|START_OF_IMG|>": START},
        **tiles(28, 3),
    ),
    "ovis2": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=28,
                patch_size=7,
                vocab_size=40,
                num_visual_indicator_tokens=5,
            ),
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_id=IMAGE,
            visual_indicator_token_ids=[OPEN, GRID, COLUMN, ROW, CLOSE],
            hidden_size=48,
            vocab_size=TEXT["vocab_size"],
        ),
        # The whole picture, then its tiles row by row: here two columns and two rows.
        layouts={
            "a": Layout(
                [
                    *[*[IMAGE] * 16, GRID],
                    *[*[IMAGE] * 16, COLUMN, *[IMAGE] * 16, ROW],
                    *[*[IMAGE] * 16, COLUMN, *[IMAGE] * 16],
                ],
                [OPEN],
                [CLOSE],
            ),
            "b": Layout([IMAGE] * 16, [OPEN], [GRID, CLOSE]),
        },
        tokens={"<IMG_START>": OPEN},
        **tiles(28, 5),
    ),
    # No markers at all; a batch has pictures of one number of tiles only.
    "perception_lm": Tiny(
        config=dict(
            vision_config=PERCEPTION,
            text_config=dict(TEXT, model_type="llama"),
            image_token_id=IMAGE,
            video_token_id=VIDEO,
            projector_pooling_ratio=2,
        ),
        layouts={s: Layout(TILE * 3) for s in "ab"},
        picture=square(56, tiles=3),
    ),
    "aria": Tiny(
        config=dict(
            vision_config=dict(
                model_type="idefics3_vision",
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=28,
                patch_size=7,
            ),
            text_config=dict(
                TEXT,
                model_type="aria_text",
                moe_num_experts=4,
                moe_topk=2,
                moe_num_shared_experts=1,
            ),
            image_token_index=IMAGE,
            projector_patch_to_query_dict={16: 4},
        ),
        # <fim_prefix> and <fim_suffix> are written by the chat template, not by the processor.
        layouts={"a": Layout(TILE * 2, [START], [END]), "b": Layout(TILE, [START], [END])},
        picture=_with_mask,
        beam_since="5.21",  # see tiles
    ),
}
