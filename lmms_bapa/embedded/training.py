"""The two stages of training: first to see, then to answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from tqdm import trange

from lmms_bapa.embedded.drawings import Painter
from lmms_bapa.embedded.lessons import Lesson, colour_of, draw_lesson, object_of, random_tiles
from lmms_bapa.embedded.network import cell_of_token
from lmms_bapa.embedded.packing import Packer
from lmms_bapa.embedded.recipe import Recipe
from lmms_bapa.probes.vocabulary import COLOURS

# A step's loss, and the share of its predictions that were right.
Step = tuple[Tensor, Tensor]


def perception_weights(model: Any) -> Iterator[tuple[str, nn.Parameter]]:
    """The weights of the first stage: vision tower, projector and word embeddings."""
    parts = ("vision_tower", "multi_modal_projector", "embed_tokens")
    return ((n, p) for n, p in model.named_parameters() if any(part in n for part in parts))


def image_tokens(model: Any, pixels: Tensor) -> Tensor:
    """The image tokens as the decoder gets them, shape (batch, image tokens, width)."""
    base = model.model
    states = base.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
    tokens: Tensor = base.multi_modal_projector(states[:, 1:])
    return tokens


def name_tokens(model: Any, tokens: Tensor, words: Tensor, scale: float) -> Tensor:
    """Scores of names for image tokens: scaled cosine similarities.

    Args:
        model: the LLaVA model.
        tokens: image tokens, shape (..., width).
        words: token numbers of each name's words, shape (names, words of a name).
        scale: inverse temperature.
    """
    vectors = model.model.language_model.embed_tokens(words).mean(1)
    return scale * F.normalize(tokens, dim=-1) @ F.normalize(vectors, dim=-1).T


def optimise(
    parameters: list[nn.Parameter],
    step: Callable[[int], Step],
    steps: int,
    recipe: Recipe,
    title: str,
) -> None:
    """AdamW with a warm-up and a cosine schedule."""
    optimiser = torch.optim.AdamW(
        parameters, recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )
    floor = recipe.final_learning_rate

    def rate(number: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * number / steps))
        return min(1.0, (number + 1) / recipe.warmup_steps) * (floor + (1 - floor) * cosine)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    smooth = 0.0
    with trange(steps, desc=title, unit="step", mininterval=2) as bar:
        for number in bar:
            loss, right = step(number)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            smooth = float(right) if number == 0 else 0.95 * smooth + 0.05 * float(right)
            bar.set_postfix(right=f"{smooth:.3f}", refresh=False)


def learn_to_see(model: Any, painter: Painter, packer: Packer, recipe: Recipe, seed: int) -> None:
    """First stage: every image token must name the colour, object and caption of its cell."""
    generator = Generator().manual_seed(seed)
    cells = cell_of_token(recipe.architecture)
    names = packer.caption_words
    # Names in the order of captions(): all objects of the first colour, then of the second ...
    objects = len(names) // len(COLOURS)
    colours, things = names[::objects, :1], names[:objects, 1:]
    parameters = [parameter for _, parameter in perception_weights(model)]

    def step(_: int) -> Step:
        tiles = random_tiles(recipe.perception_batch, recipe.architecture.cells, generator)
        tokens = image_tokens(model, painter.paint(tiles, generator))
        truth = tiles[:, cells].flatten()
        tasks = ((colours, colour_of(truth)), (things, object_of(truth)), (names, truth))
        scores = [
            name_tokens(model, tokens, words, recipe.cosine_scale).flatten(0, 1)
            for words, _ in tasks
        ]
        losses = [
            F.cross_entropy(found, wanted) for found, (_, wanted) in zip(scores, tasks, strict=True)
        ]
        right = scores[-1].argmax(-1) == truth
        return torch.stack(losses).sum(), right.float().mean()

    model.train()
    optimise(parameters, step, recipe.perception_steps, recipe, "learning to see")


class AnsweringLoss(nn.Module):
    """The loss of the second stage, with two throw-away heads that help.

    One reads the answer already at the caption's last word, the other asks that word, after one
    layer, for the caption's colour.
    """

    def __init__(self, packer: Packer, recipe: Recipe) -> None:
        super().__init__()
        width = recipe.architecture.text_width
        self.early_answer, self.caption_colour = nn.Linear(width, 2), nn.Linear(width, len(COLOURS))
        self.packer, self.recipe = packer, recipe

    def forward(self, model: Any, image: Tensor, lesson: Lesson) -> Step:
        """Asks a lesson about images that are already tokens."""
        packer, recipe = self.packer, self.recipe
        said = packer.read(model, image, lesson.asked, lesson.present)
        present = lesson.present.flatten().long()
        answers = packer.answers[present]
        scores = said.answer.flatten(0, 1)
        # Over the whole vocabulary, so that generate() says Yes or No and then stops.
        loss = F.cross_entropy(scores, answers)
        loss = loss + recipe.end_weight * F.cross_entropy(
            said.end.flatten(0, 1), torch.full_like(answers, packer.end_id)
        )
        loss = loss + recipe.early_answer_weight * F.cross_entropy(
            self.early_answer(said.late_caption).flatten(0, 1), present
        )
        loss = loss + recipe.caption_colour_weight * F.cross_entropy(
            self.caption_colour(said.early_caption).flatten(0, 1), colour_of(lesson.asked).flatten()
        )
        return loss, (scores.argmax(-1) == answers).float().mean()


def decoder_weights(model: Any) -> list[nn.Parameter]:
    """The weights of the later stages: all that the first one does not train."""
    frozen = {name for name, _ in perception_weights(model)}
    return [p for name, p in model.named_parameters() if name not in frozen]


def learn_to_answer(
    model: Any,
    painter: Painter,
    packer: Packer,
    recipe: Recipe,
    skew: tuple[float, ...],
    seed: int,
    title: str = "learning to answer",
) -> None:
    """Second stage: the decoder learns to answer; what the first stage trained stays as it is."""
    generator = Generator().manual_seed(seed)
    weights = torch.tensor(skew, dtype=torch.float32)
    loss = AnsweringLoss(packer, recipe)
    parameters = [*decoder_weights(model), *loss.parameters()]

    def step(number: int) -> Step:
        lesson = draw_lesson(number / recipe.answering_steps, weights, recipe, generator)
        with torch.no_grad():
            image = image_tokens(model, painter.paint(lesson.tiles, generator))
        return loss(model, image, lesson)  # type: ignore[no-any-return]

    model.train()
    optimise(parameters, step, recipe.answering_steps, recipe, title)
