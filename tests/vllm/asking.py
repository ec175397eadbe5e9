"""Questions to a running engine of vLLM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor
from vllm import SamplingParams

from .questions import STEPS, Answer, Question

ARGUMENTS: dict[str, Any] = dict(
    enforce_eager=True,
    dtype="float32",
    max_model_len=512,
    max_num_seqs=4,
    max_logprobs=-1,
    limit_mm_per_prompt={"image": 2, "video": 0},
    seed=0,
)


class Engine:
    """A running engine and the checkpoint's processor.

    Attributes:
        llm: vLLM's own object.
    """

    def __init__(self, llm: Any, folder: Path) -> None:
        self.llm = llm
        self.processor: Any = AutoProcessor.from_pretrained(folder)

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers to all questions in one batch."""
        prompts = []
        for question in questions:
            prompt: dict[str, Any] = {"prompt": question.prompt(self.processor)}
            if question.pictures:
                prompt["multi_modal_data"] = {"image": question.images}
            prompts.append(prompt)
        wanted = SamplingParams(temperature=0, max_tokens=1 + STEPS, ignore_eos=True, logprobs=-1)
        outputs = self.llm.generate(prompts, wanted, use_tqdm=False)
        return [_answer(output) for output in outputs]


def _answer(output: Any) -> Answer:
    reply = output.outputs[0]
    rows = [[row[token].logprob for token in range(len(row))] for row in reply.logprobs]
    tokens = tuple(reply.token_ids)
    cached = output.num_cached_tokens or 0
    return Answer(tuple(output.prompt_token_ids), tokens, torch.tensor(rows), cached)
