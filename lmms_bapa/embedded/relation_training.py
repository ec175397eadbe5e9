"""The third stage of training: to tell where pictures stand, without forgetting the probe."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from lmms_bapa.embedded.drawings import Painter
from lmms_bapa.embedded.lessons import colour_of, draw_lesson
from lmms_bapa.embedded.packing import Packer
from lmms_bapa.embedded.recipe import Recipe
from lmms_bapa.embedded.relation_lessons import RelationLesson, draw_relation_lesson
from lmms_bapa.embedded.relation_packing import RelationPacker
from lmms_bapa.embedded.training import (
    AnsweringLoss,
    Step,
    decoder_weights,
    image_tokens,
    optimise,
)
from lmms_bapa.probes.vocabulary import COLOURS


def _classify(head: nn.Linear, states: Tensor, truth: Tensor) -> Tensor:
    return F.cross_entropy(head(states).flatten(0, 1), truth.flatten())


class RelationLoss(nn.Module):
    """The loss on relation questions, with throw-away heads for the steps to the answer.

    The answer alone is not learned in reasonable time. So each caption must know its colour after
    one layer, the cell of its picture after another, and the second caption must know in which
    direction the first one's picture stands before the answer is due.
    """

    def __init__(self, packer: Packer, relations: RelationPacker, recipe: Recipe) -> None:
        super().__init__()
        width, cells = recipe.architecture.text_width, recipe.architecture.cells
        self.early_answer, self.colour = nn.Linear(width, 2), nn.Linear(width, len(COLOURS))
        self.subject_cell, self.reference_cell = nn.Linear(width, cells), nn.Linear(width, cells)
        self.columns, self.rows = nn.Linear(width, 3), nn.Linear(width, 3)
        self.packer, self.relations, self.recipe = packer, relations, recipe

    def forward(self, model: Any, image: Tensor, lesson: RelationLesson) -> Step:
        """Asks a lesson about images that are already tokens."""
        recipe, third, asked = self.recipe, self.recipe.third, self.relations
        own = asked.own_words(lesson.subject, lesson.relation, lesson.reference)
        truth = lesson.true.long()
        answers = self.packer.answers[truth]
        states = asked.states(model, image, own, answers)
        first, second = asked.subject_word, asked.reference_word
        last, scores = states[-1], model.lm_head(states[-1][:, :, -2])
        end = torch.full_like(answers, self.packer.end_id)
        colour, at = states[1], states[third.place_layer]
        direction = states[third.direction_layer][:, :, second]
        loss = F.cross_entropy(scores.flatten(0, 1), answers.flatten())
        loss = loss + recipe.end_weight * F.cross_entropy(
            model.lm_head(last[:, :, -1]).flatten(0, 1), end.flatten()
        )
        loss = loss + recipe.early_answer_weight * _classify(
            self.early_answer, last[:, :, second], truth
        )
        loss = loss + recipe.caption_colour_weight * 0.5 * (
            _classify(self.colour, colour[:, :, first], colour_of(lesson.subject))
            + _classify(self.colour, colour[:, :, second], colour_of(lesson.reference))
        )
        loss = loss + third.place_weight * (
            _classify(self.subject_cell, at[:, :, first], lesson.subject_cell)
            + _classify(self.reference_cell, at[:, :, second], lesson.reference_cell)
        )
        loss = loss + third.direction_weight * (
            _classify(self.columns, direction, lesson.columns + 1)
            + _classify(self.rows, direction, lesson.rows + 1)
        )
        return loss, (scores.argmax(-1) == answers).float().mean()


def learn_relations(
    model: Any,
    painter: Painter,
    packer: Packer,
    relations: RelationPacker,
    recipe: Recipe,
    skew: tuple[float, ...],
    seed: int,
    title: str = "learning relations",
) -> None:
    """Third stage: most steps ask for relations, the rest repeat the second stage's last lessons.

    Like the second stage it trains the decoder and leaves the rest as it is.
    """
    third, generator = recipe.third, Generator().manual_seed(seed)
    weights = torch.tensor(skew, dtype=torch.float32)
    answering = AnsweringLoss(packer, recipe)
    relating = RelationLoss(packer, relations, recipe)
    parameters = [*decoder_weights(model), *answering.parameters(), *relating.parameters()]

    def see(tiles: Tensor) -> Tensor:
        with torch.no_grad():
            return image_tokens(model, painter.paint(tiles, generator))

    def step(_: int) -> Step:
        found: Step
        if torch.rand(1, generator=generator).item() >= third.share:
            lesson = draw_lesson(1.0, weights, recipe, generator)
            found = answering(model, see(lesson.tiles), lesson)
            return found
        choice = int(torch.randint(len(third.pictures), (1,), generator=generator))
        question = draw_relation_lesson(third.pictures[choice], recipe, generator)
        found = relating(model, see(question.tiles), question)
        return found

    model.train()
    optimise(parameters, step, third.steps, recipe, title)
