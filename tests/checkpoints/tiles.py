"""Families that cut a picture into tiles, each of them a run of image tokens or more."""

from __future__ import annotations

from typing import Any

import transformers as t

from .spec import PATCH, SIZE, SQUARE, TEXT, TOWER, Checkpoint, image_processor
from .words import chat, chatml

SIGLIP = dict(TOWER, model_type="siglip_vision_model", vision_use_head=False)
COHERE = (
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|USER_TOKEN|>",
    "<|CHATBOT_TOKEN|>",
)
COHERE_PARTS = {
    "boi_token": "<|START_OF_IMG|>",
    "eoi_token": "<|END_OF_IMG|>",
    "image_token": "<|IMG_PATCH|>",
    "img_line_break_token": "<|IMG_LINE_BREAK|>",
}
LLAMA4 = ("<|header_start|>", "<|header_end|>", "<|eot|>", "<|image|>", "<|patch|>")
LLAMA4 += ("<|image_start|>", "<|image_end|>", "<|tile_x_separator|>", "<|tile_y_separator|>")


def _cohere_chat(image: str) -> str:
    return chat(
        image,
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
        "<|END_OF_TURN_TOKEN|>",
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
        "{{ bos_token }}",
    )


def _internvl(tokenizer: Any, **extra: Any) -> Any:
    return t.InternVLProcessor(
        image_processor=t.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=4),
        tokenizer=tokenizer,
        video_processor=t.InternVLVideoProcessor(size=SQUARE),
        image_seq_length=4,
        **extra,
    )


def _aya_vision(tokenizer: Any, **extra: Any) -> Any:
    return t.AyaVisionProcessor(
        image_processor=t.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=4),
        tokenizer=tokenizer,
        patch_size=PATCH,
        img_size=SIZE,
        downsample_factor=2,
        **extra,
    )


def _cohere2_vision(tokenizer: Any, **extra: Any) -> Any:
    # What it calls patch size is the side of a tile in tokens.
    return t.Cohere2VisionProcessor(
        image_processor=image_processor(
            "Cohere2VisionImageProcessor", size=SQUARE, patch_size=2, max_patches=4
        ),
        tokenizer=tokenizer,
        **extra,
    )


def _lfm2_vl(tokenizer: Any, **extra: Any) -> Any:
    return t.Lfm2VlProcessor(
        image_processor=image_processor(
            "Lfm2VlImageProcessor",
            encoder_patch_size=8,
            tile_size=64,
            min_image_tokens=4,
            max_image_tokens=16,
            max_tiles=4,
        ),
        tokenizer=tokenizer,
        **extra,
    )


def _llama4(tokenizer: Any, **extra: Any) -> Any:
    return t.Llama4Processor(
        image_processor=image_processor("Llama4ImageProcessor", size=SQUARE, max_patches=4),
        tokenizer=tokenizer,
        patch_size=PATCH,
        pixel_shuffle_ratio=0.5,
        **extra,
    )


CHECKPOINTS = {
    "internvl": Checkpoint(
        adapter="internvl_bapa",
        config=lambda ids: dict(
            vision_config=dict(TOWER, image_size=[SIZE, SIZE], patch_size=[PATCH, PATCH]),
            text_config=dict(TEXT, model_type="qwen2"),
            image_token_id=ids("<IMG_CONTEXT>"),
            image_seq_length=4,
            downsample_ratio=0.5,
        ),
        processor=_internvl,
        template=chatml("<IMG_CONTEXT>\n"),
        named={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
        markers=("<|im_start|>", "<|im_end|>"),
        tokens={"pad": "<|endoftext|>", "bos": None, "eos": "<|im_end|>"},
        crops=True,
    ),
    "aya_vision": Checkpoint(
        adapter="aya_vision_bapa",
        config=lambda ids: dict(
            vision_config=SIGLIP,
            text_config=dict(TEXT, model_type="cohere2", sliding_window=64),
            image_token_index=ids("<|IMG_PATCH|>"),
            downsample_factor=2,
            vision_feature_layer=-1,
            adapter_layer_norm_eps=1e-6,
        ),
        processor=_aya_vision,
        template=_cohere_chat("<image>"),
        markers=(*COHERE, *COHERE_PARTS.values(), "TILE", "TILE_GLOBAL", "<image>"),
        crops=True,
    ),
    "cohere2_vision": Checkpoint(
        adapter="cohere2_vision_bapa",
        config=lambda ids: dict(
            vision_config=SIGLIP,
            text_config=dict(TEXT, model_type="cohere2", sliding_window=64),
            image_token_id=ids("<|IMG_PATCH|>"),
            downsample_factor=2,
            alignment_intermediate_size=64,
        ),
        processor=_cohere2_vision,
        template=_cohere_chat("<|IMG_PATCH|>"),
        markers=COHERE,
        named=COHERE_PARTS,
        crops=True,
    ),
    "lfm2_vl": Checkpoint(
        adapter="lfm2_vl_bapa",
        config=lambda ids: dict(
            vision_config=dict(
                model_type="siglip2_vision_model",
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                patch_size=8,
                num_patches=64,
                vision_use_head=False,
            ),
            text_config=dict(
                TEXT, model_type="lfm2", layer_types=["conv", "full_attention"], conv_L_cache=3
            ),
            image_token_id=ids("<image>"),
            downsample_factor=2,
            projector_hidden_size=32,
        ),
        processor=_lfm2_vl,
        template="{{ bos_token }}" + chatml("<image>"),
        markers=[f"<|img_row_{r}_col_{c}|>" for r in range(1, 5) for c in range(1, 5)]
        + ["<|im_start|>", "<|im_end|>"],
        named={
            "image_token": "<image>",
            "image_start_token": "<|image_start|>",
            "image_end_token": "<|image_end|>",
            "image_thumbnail": "<|img_thumbnail|>",
        },
        tokens={"pad": "<|pad|>", "bos": "<|startoftext|>", "eos": "<|im_end|>"},
        since="5.0",  # before, it was saved as a type that cannot be loaded
        crops=True,
    ),
    "llama4": Checkpoint(
        adapter="llama4_bapa",
        config=lambda ids: dict(
            vision_config=dict(
                TOWER,
                intermediate_size=128,
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
                attention_chunk_size=4096,
                no_rope_layers=[1, 0],
                attn_temperature_tuning=True,
            ),
            image_token_index=ids("<|patch|>"),
            boi_token_index=ids("<|image_start|>"),
            eoi_token_index=ids("<|image_end|>"),
        ),
        processor=_llama4,
        template=chat(
            "<|image|>",
            "<|header_start|>ROLE<|header_end|>\n\n",
            "<|eot|>",
            "<|header_start|>assistant<|header_end|>\n\n",
            "{{ bos_token }}",
        ),
        markers=LLAMA4,
        tokens={"pad": "<|pad|>", "bos": "<|begin_of_text|>", "eos": "<|eot|>"},
        crops=True,
    ),
}
