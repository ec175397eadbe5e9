"""Idefics and SmolVLM: tiles between fake tokens, and a row of pictures for each prompt."""

from __future__ import annotations

from typing import Any

import transformers as t

from .spec import SIZE, TEXT, TOWER, Checkpoint
from .words import chat

LONGEST = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}
TILE_NAMES = [f"<row_{r}_col_{c}>" for r in (1, 2) for c in (1, 2)]
IDEFICS = chat("<image>", "<|im_start|>ROLE: ", "<end_of_utterance>\n", "<|im_start|>assistant:")


def _smolvlm(tokenizer: Any, **extra: Any) -> Any:
    return t.SmolVLMProcessor(
        image_processor=t.SmolVLMImageProcessor(**LONGEST),
        tokenizer=tokenizer,
        video_processor=t.SmolVLMVideoProcessor(**LONGEST),
        image_seq_len=16,
        **extra,
    )


def _idefics3(tokenizer: Any, **extra: Any) -> Any:
    return t.Idefics3Processor(
        image_processor=t.Idefics3ImageProcessor(**LONGEST),
        tokenizer=tokenizer,
        image_seq_len=16,
        **extra,
    )


def _idefics2(tokenizer: Any, **extra: Any) -> Any:
    return t.Idefics2Processor(
        image_processor=t.Idefics2ImageProcessor(
            size={"shortest_edge": SIZE, "longest_edge": 2 * SIZE}, do_image_splitting=True
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        **extra,
    )


def _idefics(adapter: str, text: str, processor: Any, **facts: Any) -> Checkpoint:
    return Checkpoint(
        adapter=adapter,
        config=lambda ids: dict(
            # Some versions of transformers want as many tokens as a multiple of the patch's side.
            vision_config=dict(TOWER, image_size=32, patch_size=4),
            text_config=dict(TEXT, model_type=text),
            image_token_id=ids("<image>"),
            scale_factor=2,
        ),
        processor=processor,
        template=IDEFICS,
        tokens={"pad": "<|im_end|>", "bos": "<|im_start|>", "eos": "<end_of_utterance>"},
        crops=True,
        **facts,
    )


CHECKPOINTS = {
    "smolvlm": _idefics(
        "smolvlm_bapa",
        "llama",
        _smolvlm,
        markers=TILE_NAMES,
        named={
            "fake_image_token": "<fake_token_around_image>",
            "image_token": "<image>",
            "end_of_utterance_token": "<end_of_utterance>",
            "global_image_token": "<global-img>",
        },
        needs="num2words",
    ),
    # Its tokenizer writes the markers of tiles in pieces.
    "idefics3": _idefics(
        "idefics3_bapa",
        "llama",
        _idefics3,
        markers=("<fake_token_around_image>", "<image>", "<end_of_utterance>"),
    ),
    "idefics2": Checkpoint(
        adapter="idefics2_bapa",
        config=lambda ids: dict(
            vision_config=dict(TOWER, image_size=2 * SIZE),
            perceiver_config=dict(
                hidden_size=48,
                resampler_n_latents=4,
                resampler_depth=1,
                resampler_n_heads=2,
                resampler_head_dim=12,
                num_key_value_heads=1,
            ),
            text_config=dict(TEXT, model_type="mistral", sliding_window=None),
            image_token_id=ids("<image>"),
        ),
        processor=_idefics2,
        template=chat("<image>", "ROLE:", "<end_of_utterance>\n", "Assistant:"),
        markers=("<fake_token_around_image>", "<image>", "<end_of_utterance>"),
        adds_first=True,
        most=1,  # two side by side cannot be told from two tiles of one, and are refused
        options={"do_image_splitting": False},
    ),
}
