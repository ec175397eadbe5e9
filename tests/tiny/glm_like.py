"""GLM-4.1V and its kin: grids as Qwen has them, between image markers of their own."""

from __future__ import annotations

from typing import Any

from .qwen_like import MERGED, patches
from .spec import END, IMAGE, START, TEXT, VIDEO, Tiny, marked_as

TOKENS = dict(
    image_token_id=IMAGE,
    video_token_id=VIDEO,
    image_start_token_id=START,
    image_end_token_id=END,
    video_start_token_id=104,
    video_end_token_id=105,
)
VISION = dict(
    depth=2,
    hidden_size=32,
    out_hidden_size=48,
    num_heads=2,
    patch_size=4,
    intermediate_size=48,
    image_size=32,
)
GLM = dict(
    TEXT,
    rope_parameters=dict(
        rope_type="default",
        mrope_section=[1, 1, 1],
        rope_theta=10000.0,
        partial_rotary_factor=0.5,
    ),
)


def glm(text: dict[str, Any], kind: str | None = None) -> Tiny:
    """A model with or without types of its own for its two parts."""
    types = [dict(model_type=f"{kind}_{part}") if kind else {} for part in ("vision", "text")]
    return Tiny(
        config=TOKENS | dict(vision_config=VISION | types[0], text_config=text | types[1]),
        layouts=MERGED,
        picture=patches,
        extras=marked_as("mm_token_type_ids"),
        axes=3,
    )


MODELS = {
    "glm4v": glm(GLM),
    "glm46v": glm(GLM, "glm4v"),
    "glmga": glm(GLM, "glm4v"),
    "glm_ocr": glm(GLM),
    "glm4v_moe": glm(
        GLM
        | dict(
            n_routed_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
            first_k_dense_replace=1,
        )
    ),
}
