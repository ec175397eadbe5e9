"""LLaVA and its kin: one vision tower, one run of image tokens for each picture."""

from __future__ import annotations

from typing import Any

import transformers as t

from .spec import PATCH, SIZE, SQUARE, TEXT, TOWER, Checkpoint
from .words import chat, chatml

VICUNA = chat("<image>\n", "ROLE: ", " ", "ASSISTANT:")
INST = chat("<image>\n", "[INST] ", " [/INST]", "")
CLIP = dict(TOWER, model_type="clip_vision_model", projection_dim=32)
SIGLIP = dict(TOWER, model_type="siglip_vision_model", vision_use_head=False)
PIXTRAL = dict(TOWER, model_type="pixtral", head_dim=16, image_size=112)
# On a canvas of one of these, cut into tiles, and the whole picture again.
PINPOINTS = [[SIZE, 2 * SIZE], [2 * SIZE, SIZE], [2 * SIZE, 2 * SIZE]]
IMAGE = {"image_token": "<image>"}
MISTRAL = ("[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]")


def _clip(tokenizer: Any, kind: Any, pictures: Any, **extra: Any) -> Any:
    return kind(
        image_processor=pictures,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        **extra,
    )


def _llava(tokenizer: Any, **extra: Any) -> Any:
    pictures = t.CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size=SQUARE)
    return _clip(tokenizer, t.LlavaProcessor, pictures, **extra)


def _llava_next(tokenizer: Any, **extra: Any) -> Any:
    pictures = t.LlavaNextImageProcessor(
        size={"shortest_edge": SIZE}, crop_size=SQUARE, image_grid_pinpoints=PINPOINTS
    )
    return _clip(tokenizer, t.LlavaNextProcessor, pictures, **extra)


def _llava_onevision(tokenizer: Any, **extra: Any) -> Any:
    return t.LlavaOnevisionProcessor(
        image_processor=t.LlavaOnevisionImageProcessor(size=SQUARE, image_grid_pinpoints=PINPOINTS),
        tokenizer=tokenizer,
        video_processor=t.LlavaOnevisionVideoProcessor(size=SQUARE),
        num_image_tokens=(SIZE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        **extra,
    )


def _pixtral(merge: int) -> Any:
    return lambda tokenizer, **extra: t.PixtralProcessor(
        image_processor=t.PixtralImageProcessor(
            size={"longest_edge": 112}, patch_size={"height": PATCH, "width": PATCH}
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        spatial_merge_size=merge,
        **extra,
    )


def _paligemma(tokenizer: Any, **extra: Any) -> Any:
    pictures = t.SiglipImageProcessor(size=SQUARE)
    pictures.image_seq_length = (SIZE // PATCH) ** 2
    return t.PaliGemmaProcessor(image_processor=pictures, tokenizer=tokenizer, **extra)


CHECKPOINTS = {
    "llava": Checkpoint(
        adapter="llava_bapa",
        config=lambda ids: dict(
            vision_config=CLIP,
            text_config=dict(TEXT, model_type="llama"),
            image_token_index=ids("<image>"),
            image_seq_length=16,
        ),
        processor=_llava,
        template=VICUNA,
        named=IMAGE,
        adds_first=True,
    ),
    "llava:pixtral": Checkpoint(
        adapter="pixtral_bapa",
        config=lambda ids: dict(
            vision_config=PIXTRAL,
            text_config=dict(TEXT, model_type="mistral", sliding_window=None),
            image_token_index=ids("[IMG]"),
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
        ),
        processor=_pixtral(1),
        template=chat("[IMG]", "[INST]", "[/INST]", "", "{{ bos_token }}"),
        markers=MISTRAL,
    ),
    "mistral3": Checkpoint(
        adapter="mistral3_bapa",
        config=lambda ids: dict(
            vision_config=PIXTRAL,
            text_config=dict(TEXT, model_type="mistral", sliding_window=None),
            image_token_index=ids("[IMG]"),
            vision_feature_layer=-1,
            spatial_merge_size=2,
        ),
        processor=_pixtral(2),
        template=chat("[IMG]", "[INST]", "[/INST]", "", "{{ bos_token }}"),
        markers=MISTRAL,
    ),
    "llava_next": Checkpoint(
        adapter="llava_next_bapa",
        config=lambda ids: dict(
            vision_config=CLIP,
            text_config=dict(TEXT, model_type="mistral", sliding_window=None),
            image_token_index=ids("<image>"),
            image_grid_pinpoints=PINPOINTS,
        ),
        processor=_llava_next,
        template=INST,
        named=IMAGE,
        adds_first=True,
        crops=True,
    ),
    "llava_onevision": Checkpoint(
        adapter="llava_onevision_bapa",
        config=lambda ids: dict(
            vision_config=SIGLIP,
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_index=ids("<image>"),
            video_token_index=ids("<video>"),
            image_grid_pinpoints=PINPOINTS,
            vision_feature_layer=-1,
        ),
        processor=_llava_onevision,
        template=chatml("<image>"),
        named={"image_token": "<image>", "video_token": "<video>"},
        markers=("<|im_start|>", "<|im_end|>"),
        tokens={"eos": "<|im_end|>", "bos": None},
        crops=True,
        alike=False,  # only the picture of a prompt that has one is cut into tiles
    ),
    "paligemma": Checkpoint(
        adapter="paligemma_bapa",
        config=lambda ids: dict(
            vision_config=dict(SIGLIP, projection_dim=48),
            text_config=dict(TEXT, model_type="gemma"),
            image_token_index=ids("<image>"),
            projection_dim=48,
            hidden_size=48,
        ),
        processor=_paligemma,
        template=None,
        named=IMAGE,
        text_alone=False,
        since="5.0",  # it took Gemma's own tokenizer only
    ),
}
