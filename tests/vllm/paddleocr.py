"""PaddleOCR-VL, which ``tests/checkpoints`` does not have, in the same form."""

from __future__ import annotations

from typing import Any

import transformers as t

from tests.checkpoints import Checkpoint
from tests.checkpoints.qwen_like import FEWEST, MARKERS, MOST
from tests.checkpoints.spec import PATCH, TEXT, TOWER
from tests.checkpoints.words import chatml


def _paddleocr(tokenizer: Any, **extra: Any) -> Any:
    return t.PaddleOCRVLProcessor(
        image_processor=t.PaddleOCRVLImageProcessor(
            patch_size=PATCH, size={"shortest_edge": FEWEST, "longest_edge": MOST}
        ),
        tokenizer=tokenizer,
        **extra,
    )


PADDLEOCR = Checkpoint(
    adapter="hf_bapa",
    config=lambda ids: dict(
        vision_config=dict(TOWER, image_size=112),
        text_config=dict(TEXT),
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    ),
    processor=_paddleocr,
    template=chatml("<|vision_start|><|image_pad|><|vision_end|>"),
    markers=MARKERS,
    named={"image_token": "<|image_pad|>"},
    tokens={"pad": "<|endoftext|>", "bos": None, "eos": "<|im_end|>"},
)
