"""Qwen and GLM: pictures of any size as flattened patches, and three position axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transformers as t

from .spec import TEXT, Checkpoint, Ids
from .words import chat, chatml

MARKERS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>")
MARKERS += ("<|image_pad|>", "<|video_pad|>")
GLM_MARKERS = ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|image|>", "<|video|>")
GLM_MARKERS += ("<|begin_of_image|>", "<|end_of_image|>")
GLM_MARKERS += ("<|begin_of_video|>", "<|end_of_video|>")
ROPE = dict(rope_type="default", mrope_section=[2, 2, 2], rope_theta=10000.0)
INTERLEAVED = dict(ROPE, mrope_interleaved=True)
TOWER = dict(depth=2, hidden_size=32, num_heads=2, out_hidden_size=48, intermediate_size=48)
QWEN3_TOWER = dict(TOWER, patch_size=16, num_position_embeddings=64)
HYBRID = dict(
    TEXT,
    head_dim=16,
    layer_types=["linear_attention", "full_attention"],
    linear_num_value_heads=4,
    linear_num_key_heads=2,
    linear_key_head_dim=8,
    linear_value_head_dim=8,
    rope_parameters=dict(INTERLEAVED, mrope_section=[3, 3, 2], partial_rotary_factor=1.0),
)
FEWEST, MOST = 64 * 64, 160 * 160


def _tokens(ids: Ids, **config: Any) -> dict[str, Any]:
    return config | dict(
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )


def _processor(kind: str, video: str, patch: int) -> Callable[..., Any]:
    # Named, not taken: older versions of transformers do not have all of them.
    return lambda tokenizer, **extra: getattr(t, kind)(
        image_processor=t.Qwen2VLImageProcessor(
            patch_size=patch, min_pixels=FEWEST, max_pixels=MOST
        ),
        tokenizer=tokenizer,
        video_processor=getattr(t, video)(),
        **extra,
    )


def _glm4v(tokenizer: Any, **extra: Any) -> Any:
    size = {"shortest_edge": 2 * FEWEST, "longest_edge": 2 * MOST}  # of two frames
    return t.Glm4vProcessor(
        image_processor=t.Glm4vImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=t.Glm4vVideoProcessor(size=size),
        **extra,
    )


def _qwen(adapter: str, config: Callable[[Ids], dict[str, Any]], processor: Any) -> Checkpoint:
    return Checkpoint(
        adapter=adapter,
        config=config,
        processor=processor,
        template=chatml("<|vision_start|><|image_pad|><|vision_end|>"),
        markers=MARKERS,
        tokens={"pad": "<|endoftext|>", "bos": None, "eos": "<|im_end|>"},
    )


CHECKPOINTS = {
    "qwen2_vl": _qwen(
        "qwen2_vl_bapa",
        lambda ids: _tokens(
            ids,
            vision_config=dict(
                depth=2, embed_dim=32, hidden_size=48, num_heads=2, patch_size=14, mlp_ratio=2
            ),
            text_config=dict(TEXT, rope_parameters=ROPE),
        ),
        _processor("Qwen2VLProcessor", "Qwen2VLVideoProcessor", 14),
    ),
    "qwen2_5_vl": _qwen(
        "qwen2_5_vl_bapa",
        lambda ids: _tokens(
            ids,
            vision_config=dict(TOWER, patch_size=14, window_size=112, fullatt_block_indexes=[1]),
            text_config=dict(TEXT, rope_parameters=ROPE),
        ),
        _processor("Qwen2_5_VLProcessor", "Qwen2VLVideoProcessor", 14),
    ),
    "qwen3_vl": _qwen(
        "qwen3_vl_bapa",
        lambda ids: _tokens(
            ids,
            vision_config=dict(QWEN3_TOWER, deepstack_visual_indexes=[0]),
            text_config=dict(TEXT, rope_parameters=INTERLEAVED),
        ),
        _processor("Qwen3VLProcessor", "Qwen3VLVideoProcessor", 16),
    ),
    "qwen3_5": _qwen(
        "qwen3_5_bapa",
        lambda ids: _tokens(ids, vision_config=QWEN3_TOWER, text_config=dict(HYBRID)),
        _processor("Qwen3VLProcessor", "Qwen3VLVideoProcessor", 16),
    ),
    "glm4v": Checkpoint(
        adapter="glm4v_bapa",
        config=lambda ids: dict(
            vision_config=dict(TOWER, patch_size=14, image_size=112),
            text_config=dict(
                TEXT,
                rope_parameters=dict(
                    rope_type="default",
                    mrope_section=[1, 1, 1],
                    rope_theta=10000.0,
                    partial_rotary_factor=0.5,
                ),
            ),
            image_token_id=ids("<|image|>"),
            video_token_id=ids("<|video|>"),
            image_start_token_id=ids("<|begin_of_image|>"),
            image_end_token_id=ids("<|end_of_image|>"),
            video_start_token_id=ids("<|begin_of_video|>"),
            video_end_token_id=ids("<|end_of_video|>"),
        ),
        processor=_glm4v,
        template=chat(
            "<|begin_of_image|><|image|><|end_of_image|>",
            "<|ROLE|>\n",
            "",
            "<|assistant|>\n",
            "[gMASK]<sop>",
        ),
        markers=GLM_MARKERS,
        tokens={"pad": "<|endoftext|>", "bos": None, "eos": "<|endoftext|>"},
    ),
}
