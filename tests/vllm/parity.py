"""How far the two back ends are apart on one checkpoint under one setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmms_bapa.interventions import AGCI, BaPA, Intervention

from .engines import engine
from .questions import QUESTIONS, Answer, Question
from .reference import Reference

TOLERANCE = 1e-5  # of a log-probability, in float32
# An effect must be so many times the tolerance, or a hook that does nothing would pass.
FACTOR = 100

SETTINGS: dict[str, tuple[Intervention, ...]] = {
    "off": (),
    "BaPA": (BaPA(),),
    "AGCI": (AGCI(2.0),),
    "both": (BaPA(), AGCI(2.0)),
}


@dataclass(frozen=True)
class Case:
    """One question under one setting.

    Attributes:
        question: what was asked.
        difference: between the back ends, over the whole vocabulary at each step of the reply;
            infinite where the prompts or the replies differ.
        effect: of the setting, in transformers, at the first token of the reply.
    """

    question: Question
    difference: float
    effect: float

    def check(self, is_on: bool) -> None:
        """Fails if the back ends differ, or the setting does not do what it should."""
        name = self.question.name
        assert self.difference <= TOLERANCE, f"{name}: {self.difference}"
        if is_on and self.question.pictures:
            assert self.effect > FACTOR * TOLERANCE, f"{name}: no effect to be seen"
        else:
            assert self.effect == 0, f"{name}: {self.effect}"


def cases(
    folder: Path,
    reference: Reference,
    interventions: Sequence[Intervention],
    questions: Sequence[Question] = QUESTIONS,
    **arguments: Any,
) -> list[Case]:
    """Asks both back ends; vLLM gets all questions in one batch.

    Args:
        folder: the checkpoint.
        reference: the same in transformers.
        interventions: the setting.
        questions: what is asked.
        arguments: of the engine.
    """
    with engine(folder, *interventions, **arguments) as running:
        found = running.answers(questions)
    return compared(reference, interventions, questions, found)


def compared(
    reference: Reference,
    interventions: Sequence[Intervention],
    questions: Sequence[Question],
    found: Sequence[Answer],
) -> list[Case]:
    """What vLLM said, beside what transformers says."""
    off = reference.answers(questions)
    expected = reference.answers(questions, *interventions)
    return [
        Case(question, difference(theirs, ours), first_step(stock, theirs))
        for question, stock, theirs, ours in zip(questions, off, expected, found, strict=True)
    ]


def difference(one: Answer, other: Answer) -> float:
    """The largest difference of two log-probabilities; infinite if ids differ."""
    if (one.prompt, one.tokens) != (other.prompt, other.tokens):
        return math.inf
    return float((one.logprobs - other.logprobs).abs().max())


def first_step(one: Answer, other: Answer) -> float:
    """The same for the first token, where both have the same tokens before it."""
    return float((one.logprobs[0] - other.logprobs[0]).abs().max())
