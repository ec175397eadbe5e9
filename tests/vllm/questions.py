"""What the two back ends are asked, and the form of what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor

from tests.checkpoints import Checkpoint
from tests.picture_questions import picture

STEPS = 8  # decode steps


@dataclass(frozen=True)
class Question:
    """A prompt: some pictures, by their numbers, and a text behind them, or before them."""

    name: str
    pictures: tuple[int, ...]
    text: str
    before: str = ""

    @property
    def images(self) -> list[Image.Image]:
        """Its pictures."""
        return [picture(number) for number in self.pictures]

    def prompt(self, processor: Any) -> str:
        """Its text in the checkpoint's chat template."""
        content: list[dict[str, str]] = [{"type": "image"}] * len(self.pictures)
        content = [*content, {"type": "text", "text": self.text}]
        if self.before:
            content.insert(0, {"type": "text", "text": self.before})
        message = {"role": "user", "content": content}
        return str(processor.apply_chat_template([message], add_generation_prompt=True))


QUESTIONS = (
    Question("one image", (0,), "Is there a red star?"),
    Question("two images", (1, 2), "Answer Yes or No."),
    Question("text only", (), "what is red?"),
)
# Prompts that fill most of 32 tokens, whatever the family, and replies that go beyond.
TIGHT = tuple(
    Question(f"{number}, {text}", (number,), text)
    for number in (4, 3)
    for text in ("red red red", "what is red?")
)


def fitting(facts: Checkpoint) -> list[Question]:
    """The questions that a family takes."""
    return [
        question
        for question in QUESTIONS
        if len(question.pictures) <= facts.most and (question.pictures or facts.text_alone)
    ]


@dataclass(frozen=True)
class Answer:
    """What a model says to a question, greedily.

    Attributes:
        prompt: ids of the prompt, image tokens included.
        tokens: ids of the reply.
        logprobs: natural logarithm of each token's probability where each of them was chosen,
            shape (steps, vocabulary).
        cached: how many tokens of the prompt were found in vLLM's prefix cache.
    """

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: Tensor
    cached: int = 0
