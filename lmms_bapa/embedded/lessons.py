"""What training asks: which captions stand on a canvas, and which of them are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lmms_bapa.embedded.recipe import Recipe
from lmms_bapa.probes.vocabulary import COLOURS, CORE_OBJECTS

# Caption number c is colour c // objects and object c % objects, the order of ``captions()``.
_COLOURS, _OBJECTS = len(COLOURS), len(CORE_OBJECTS)
CAPTIONS = _COLOURS * _OBJECTS

# The first lessons show one caption in every cell, then a mixture that reaches the probe's own
# canvases (all captions different) at about half of the steps.
_ONE_CAPTION_UNTIL, _FEW_CAPTIONS_FROM, _ALL_CAPTIONS_AT, _FEW = 0.08, 0.1, 0.5, 4


def colour_of(names: Tensor) -> Tensor:
    """The colour number of caption numbers."""
    return names // _OBJECTS


def object_of(names: Tensor) -> Tensor:
    """The object number of caption numbers."""
    return names % _OBJECTS


def _shuffles(batch: int, length: int, generator: Generator) -> Tensor:
    """Random permutations, shape (batch, length)."""
    return torch.rand(batch, length, generator=generator).argsort(1)


def random_tiles(batch: int, cells: int, generator: Generator) -> Tensor:
    """Canvases of ``cells`` different captions, shape (batch, cells)."""
    return _shuffles(batch, CAPTIONS, generator)[:, :cells]


def conjunction_tiles(batch: int, cells: int, generator: Generator) -> Tensor:
    """Canvases whose pictures all share the colour or the object of one of them."""
    colours = _shuffles(batch, _COLOURS, generator)
    objects = _shuffles(batch, _OBJECTS, generator)
    hub = colours[:, :1] * _OBJECTS + objects[:, :1]
    other_colours = colours[:, 1:] * _OBJECTS + objects[:, :1]
    other_objects = colours[:, :1] * _OBJECTS + objects[:, 1:]
    half = (cells - 1) // 2
    parts = [hub, other_colours[:, :half], other_objects[:, : cells - 1 - half]]
    return torch.cat(parts, 1).gather(1, _shuffles(batch, cells, generator))


def few_tiles(batch: int, cells: int, kinds: int, generator: Generator) -> Tensor:
    """Canvases that repeat ``kinds`` captions."""
    choice = torch.randint(kinds, (batch, cells), generator=generator)
    return random_tiles(batch, kinds, generator).gather(1, choice)


def absent_captions(tiles: Tensor) -> tuple[Tensor, Tensor]:
    """Marks the captions that are not on each canvas.

    Returns:
        Two masks of shape (batch, captions): all absent captions, and the hard ones among them,
        whose colour and object are both on the canvas.
    """
    batch = len(tiles)
    shown = torch.zeros(batch, CAPTIONS, dtype=torch.bool).scatter(1, tiles, True)
    colours = torch.zeros(batch, _COLOURS, dtype=torch.bool).scatter(1, colour_of(tiles), True)
    objects = torch.zeros(batch, _OBJECTS, dtype=torch.bool).scatter(1, object_of(tiles), True)
    both = (colours[:, :, None] & objects[:, None, :]).flatten(1)
    return ~shown, ~shown & both


@dataclass(frozen=True)
class Lesson:
    """A batch of canvases with questions.

    Attributes:
        tiles: caption number in each cell, shape (batch, cells).
        asked: caption numbers asked for, shape (batch, questions).
        present: whether the caption asked for is on the canvas, shape (batch, questions).
    """

    tiles: Tensor
    asked: Tensor
    present: Tensor


def ask(tiles: Tensor, weights: Tensor, recipe: Recipe, generator: Generator) -> Lesson:
    """Asks about canvases: half of the answers are Yes.

    Args:
        tiles: caption number in each cell, shape (batch, cells).
        weights: how often the picture in each cell is asked for, shape (cells,).
        recipe: says how many questions, and how many of the absent captions are hard.
        generator: source of every random choice.
    """
    batch = len(tiles)
    yes = recipe.questions // 2
    no = recipe.questions - yes
    hard_count = round(no * recipe.hard_negatives)
    chosen = torch.multinomial(weights.expand(batch, -1), yes, True, generator=generator)
    absent, hard = absent_captions(tiles)
    hard = torch.where(hard.any(1, keepdim=True), hard, absent)
    asked = [tiles.gather(1, chosen)]
    for mask, count in ((hard, hard_count), (absent, no - hard_count)):
        if count:
            asked.append(torch.multinomial(mask.float(), count, True, generator=generator))
    present = (torch.arange(recipe.questions) < yes).expand(batch, -1)
    return Lesson(tiles, torch.cat(asked, 1), present)


def draw_lesson(progress: float, weights: Tensor, recipe: Recipe, generator: Generator) -> Lesson:
    """The lesson at a moment of the second stage.

    Args:
        progress: 0 at the start of the stage, 1 at its end.
        weights: how often the picture in each cell is asked for, shape (cells,).
        recipe: sizes of the lesson.
        generator: source of every random choice.
    """
    batch, cells = recipe.answering_batch, recipe.architecture.cells
    ripeness = (progress - _FEW_CAPTIONS_FROM) / (_ALL_CAPTIONS_AT - _FEW_CAPTIONS_FROM)
    draw = torch.rand(1, generator=generator).item()
    if progress < _ONE_CAPTION_UNTIL:
        tiles = few_tiles(batch, cells, 1, generator)
    elif draw >= ripeness:
        kinds = int(torch.randint(1, _FEW + 1, (1,), generator=generator))
        tiles = few_tiles(batch, cells, kinds, generator)
    else:
        conjunctions = round(batch * recipe.conjunction_canvases)
        tiles = torch.cat(
            [
                conjunction_tiles(conjunctions, cells, generator),
                random_tiles(batch - conjunctions, cells, generator),
            ]
        )
    return ask(tiles, weights, recipe, generator)
