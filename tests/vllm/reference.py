"""The reference: transformers, steered by this package's hooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from lmms_bapa.interventions import Intervention
from lmms_bapa.steering import intervene

from .questions import STEPS, Answer, Question


class Reference:
    """A checkpoint in transformers, in float32.

    Args:
        folder: the checkpoint.
        unread: inputs that its processor gives and the model does not get.
    """

    def __init__(self, folder: Path, unread: Sequence[str] = ()) -> None:
        self.unread = unread
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        self.model.generation_config.eos_token_id = None  # replies of full length
        self.processor: Any = AutoProcessor.from_pretrained(folder)

    def answers(self, questions: Sequence[Question], *interventions: Intervention) -> list[Answer]:
        """The answers under a setting, each question by itself."""
        tokenizer = self.processor.tokenizer
        with intervene(self.model, *interventions, tokenizer=tokenizer):
            return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        inputs = self.processor(
            text=[question.prompt(self.processor)],
            images=[question.images] if question.pictures else None,
            return_tensors="pt",
        ).to(torch.float32)  # Llama 4's pictures come in bfloat16
        for name in self.unread:
            inputs.pop(name, None)
        output = self.model.generate(
            **inputs,
            max_new_tokens=1 + STEPS,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
        prompt = inputs["input_ids"][0].tolist()
        tokens = output.sequences[0, len(prompt) :].tolist()
        logprobs = torch.cat(output.logits).log_softmax(-1)
        return Answer(tuple(prompt), tuple(tokens), logprobs)
