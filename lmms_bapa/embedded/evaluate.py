"""Measures a saved model the way anyone would use it: canvas, processor, generate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import AutoModelForImageTextToText, AutoProcessor

from lmms_bapa.embedded.language import NO, YES, render
from lmms_bapa.embedded.network import cell_of_token
from lmms_bapa.embedded.packing import Packer
from lmms_bapa.embedded.recipe import Architecture
from lmms_bapa.embedded.training import image_tokens, name_tokens
from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.questions import ProbeSpec, plan
from lmms_bapa.probes.vocabulary import captions

Question = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """What a probe found; all numbers in percent.

    Attributes:
        yes_rates: questions about a picture in each cell that were answered Yes, row by row.
        no_rate: questions about an absent picture that were answered No.
        unreadable: answers that are neither Yes nor No.
    """

    yes_rates: list[list[float]]
    no_rate: float
    unreadable: float

    @property
    def yes_rate(self) -> float:
        """The mean over the cells."""
        return float(np.mean(self.yes_rates))

    @property
    def balanced(self) -> float:
        """Balanced accuracy."""
        return (self.yes_rate + self.no_rate) / 2

    @property
    def spread(self) -> float:
        """Population standard deviation over the cells, in points: the position bias."""
        return float(np.std(self.yes_rates))


def load(folder: Path) -> tuple[Any, Any]:
    """The model and the processor of a saved folder."""
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
    return model.eval(), AutoProcessor.from_pretrained(folder, local_files_only=True)


def encode(processor: Any, questions: list[Question]) -> Any:
    """The model's inputs for some questions."""
    return processor(
        images=[canvas_of(question) for question in questions],
        text=[render(processor, question["caption"]) for question in questions],
        padding=True,
        return_tensors="pt",
    )


def reply(model: Any, processor: Any, questions: list[Question]) -> list[str]:
    """The model's answers to some questions, as one batch."""
    return answer(model, processor, encode(processor, questions))


def answer(model: Any, processor: Any, inputs: Any) -> list[str]:
    """The model's answers to a batch of inputs."""
    with torch.inference_mode():
        output = model.generate(**inputs)
    answers = output[:, inputs["input_ids"].shape[1] :]
    return list(processor.batch_decode(answers, skip_special_tokens=True))


def _groups(spec: ProbeSpec) -> Iterator[list[Question]]:
    """The questions of each group of a probe."""
    size = 2 * spec.rows**2
    questions = plan(spec)
    for _ in range(spec.groups):
        yield [next(questions) for _ in range(size)]


def measure(model: Any, processor: Any, spec: ProbeSpec, title: str = "measuring") -> Figures:
    """Asks every question of a probe.

    Args:
        model: the LLaVA model.
        processor: its processor.
        spec: the probe.
        title: words for the progress bar.
    """
    yes = np.zeros(spec.rows**2)
    no = unreadable = asked = 0
    for questions in tqdm(_groups(spec), title, spec.groups, unit="group", mininterval=2):
        for question, answer in zip(questions, reply(model, processor, questions), strict=True):
            if question["asked"] == "key":
                yes[question["cell"]] += answer == YES
            else:
                no += answer == NO
            unreadable += answer not in (YES, NO)
            asked += 1
    rates = (100 * yes / spec.groups).reshape(spec.rows, spec.rows)
    absent = asked // 2
    return Figures(
        [[round(rate, 2) for rate in row] for row in rates.tolist()],
        round(100 * no / absent, 2),
        round(100 * unreadable / asked, 2),
    )


def naming_accuracy(model: Any, processor: Any, spec: ProbeSpec) -> float:
    """Percentage of image tokens that are nearest to the name of their own cell's picture."""
    names, words = captions(), Packer(processor, Architecture()).caption_words
    cells = cell_of_token(Architecture())
    right = []
    for questions in _groups(spec):
        pixels = encode(processor, questions[:1])["pixel_values"]
        with torch.inference_mode():
            scores = name_tokens(model, image_tokens(model, pixels)[0], words, scale=1.0)
        truth = torch.tensor([names.index(tile) for tile in questions[0]["tiles"]])[cells]
        right.append((scores.argmax(-1) == truth).float().mean().item())
    return 100 * float(np.mean(right))
