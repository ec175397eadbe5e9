"""Asks a model the questions that were prepared for it."""

from __future__ import annotations

from typing import Any

import torch
from lmms_eval.api.instance import GenerationResult, TokenCounts
from transformers import LogitsProcessorList

from lmms_bapa.harness.margins import FirstLook, YesNo, is_defined, margin_list
from lmms_bapa.harness.messages import move
from lmms_bapa.harness.preparation import Part
from lmms_bapa.harness.reply import Reply
from lmms_bapa.harness.requests import cut_at, generation_settings
from lmms_bapa.harness.shared_pictures import encode_once


def answer(
    model: Any,
    tokenizer: Any,
    words: YesNo | None,
    part: Part,
    asked: dict[str, Any],
    max_new_tokens: int,
    device: torch.device,
) -> list[GenerationResult]:
    """Generates the replies to one part of a batch.

    Args:
        model: a transformers model.
        tokenizer: its tokenizer.
        words: the tokens of Yes and No, or None: then no reply has a margin.
        part: the questions.
        asked: the task's generation arguments.
        max_new_tokens: length of a reply where the task does not say.
        device: where the inputs go.

    Returns:
        One result a row; its text is a :class:`Reply`.
    """
    settings, stops = generation_settings(asked, max_new_tokens)
    look = FirstLook(words) if words and is_defined(settings, model.generation_config) else None
    if look is not None:
        settings["logits_processor"] = LogitsProcessorList([look])
    tensors = move(part.inputs, device, model.dtype)
    with torch.inference_mode():
        output = model.generate(
            **encode_once(model, tensors, part.repeats),
            **settings,
            pad_token_id=tokenizer.pad_token_id,
        )
    new = output[:, tensors["input_ids"].shape[1] :]
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    lengths = (new != tokenizer.pad_token_id).sum(dim=1).tolist()
    margins = margin_list(look, len(texts))
    return [
        GenerationResult(
            text=Reply(cut_at(text, stops), margin), token_counts=TokenCounts(output_tokens=length)
        )
        for text, margin, length in zip(texts, margins, lengths, strict=True)
    ]
