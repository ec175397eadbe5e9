"""What the third stage asks: where on the canvas two pictures stand to each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lmms_bapa.embedded.drawings import EMPTY
from lmms_bapa.embedded.lessons import random_tiles
from lmms_bapa.embedded.recipe import Recipe
from lmms_bapa.probes.relations import COLUMNS, RELATIONS, ROWS

_SIGNS = torch.tensor([relation.sign for relation in RELATIONS.values()])


@dataclass(frozen=True)
class RelationLesson:
    """A batch of canvases with relation questions; all but ``tiles`` are (batch, questions).

    Attributes:
        tiles: caption number in each cell or ``EMPTY``, shape (batch, cells).
        subject: caption number of the picture whose place is asked for.
        relation: number of the relation, in the order of ``RELATIONS``.
        reference: caption number of the other picture.
        subject_cell: where the one stands.
        reference_cell: where the other stands.
        columns: -1, 0 or 1: the subject is further left, neither, further right.
        rows: -1, 0 or 1: it is further up, neither, further down.
        true: whether the answer is Yes.
    """

    tiles: Tensor
    subject: Tensor
    relation: Tensor
    reference: Tensor
    subject_cell: Tensor
    reference_cell: Tensor
    columns: Tensor
    rows: Tensor
    true: Tensor


def _of_axis(axis: int) -> Tensor:
    return torch.tensor([n for n, r in enumerate(RELATIONS.values()) if r.axis == axis])


def draw_relation_lesson(pictures: int, recipe: Recipe, generator: Generator) -> RelationLesson:
    """Draws canvases, and asks about two of each one's pictures at a time.

    Along the axis that is asked for, the two never stand level.

    Args:
        pictures: how many pictures a canvas holds.
        recipe: sizes of the lesson.
        generator: source of every random choice.
    """
    batch, cells, side = recipe.answering_batch, recipe.architecture.cells, recipe.architecture.rows
    shape = (batch, recipe.questions)
    names = random_tiles(batch, cells, generator)
    filled = torch.rand(batch, cells, generator=generator).argsort(1)[:, :pictures]
    two = torch.rand(*shape, pictures, generator=generator).argsort(2)[..., :2]
    subject_cell, reference_cell = filled.gather(1, two[..., 0]), filled.gather(1, two[..., 1])
    columns = (subject_cell % side - reference_cell % side).sign()
    rows = (subject_cell // side - reference_cell // side).sign()
    coin = torch.randint(2, shape, generator=generator)
    axis = torch.where(columns == 0, ROWS, torch.where(rows == 0, COLUMNS, coin))
    which = torch.randint(2, shape, generator=generator)
    relation = torch.stack([_of_axis(COLUMNS), _of_axis(ROWS)])[axis, which]
    steps = torch.where(axis == COLUMNS, columns, rows)
    shown = torch.zeros(batch, cells, dtype=torch.bool).scatter(1, filled, True)
    return RelationLesson(
        tiles=torch.where(shown, names, EMPTY),
        subject=names.gather(1, subject_cell),
        relation=relation,
        reference=names.gather(1, reference_cell),
        subject_cell=subject_cell,
        reference_cell=reference_cell,
        columns=columns,
        rows=rows,
        true=steps == _SIGNS[relation],
    )
