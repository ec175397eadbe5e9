"""Plans questions about places, such as: is the red star to the left of the blue cup?

A group is two pictures and two cells. Each question is asked twice, in the same words: on a canvas
and on the same canvas with the two pictures swapped, where the other answer is right. Everything
follows from the specification and its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lmms_bapa.probes.layouts import CANVAS
from lmms_bapa.probes.questions import GENERATOR_VERSION
from lmms_bapa.probes.vocabulary import CORE_OBJECTS, OBJECTS, captions

# The pictures' version and that of this plan; the harness's response cache sees only this text
# (in the task's metadata).
RELATIONS_VERSION = f"{GENERATOR_VERSION}+1"

RELATION_PROMPT = (
    "Is the {subject} {relation} the {reference}?\n"
    "The answer should only contain 'Yes' or 'No', without reasoning process.\n"
)

COLUMNS, ROWS = 0, 1

# Last numbers of a seed, so that no two things are drawn from the same dice, here or in the
# layouts of the spatial probe. Never 0: a trailing 0 does not change a seed.
_PAIR_DICE, _PICTURE_DICE = 2, 3


@dataclass(frozen=True)
class Relation:
    """One spatial relation between two pictures.

    Attributes:
        words: how the question says it.
        axis: ``COLUMNS`` or ``ROWS``: which of the two numbers of a cell it compares.
        sign: -1 if the subject's number is the smaller one, else 1.
    """

    words: str
    axis: int
    sign: int

    def holds(self, subject: int, reference: int, rows: int) -> bool:
        """Whether it is true of two cells (row-major) of a grid with ``rows`` cells a side."""
        steps = place(subject, rows)[self.axis] - place(reference, rows)[self.axis]
        return self.sign * steps > 0


RELATIONS: dict[str, Relation] = {
    "left": Relation("to the left of", COLUMNS, -1),
    "right": Relation("to the right of", COLUMNS, 1),
    "above": Relation("above", ROWS, -1),
    "below": Relation("below", ROWS, 1),
}


def place(cell: int, rows: int) -> tuple[int, int]:
    """The column and the row of a row-major cell."""
    return cell % rows, cell // rows


def question_text(subject: str, relation: str, reference: str) -> str:
    """The question's words.

    Args:
        subject: caption of the picture whose place is asked for.
        relation: a key of ``RELATIONS``.
        reference: caption of the other picture.
    """
    words = RELATIONS[relation].words
    return RELATION_PROMPT.format(subject=subject, relation=words, reference=reference)


class RelationSpec(BaseModel):
    """What a relation probe asks.

    Attributes:
        rows: the grid is ``rows`` x ``rows``.
        canvas: side of the canvas in pixels.
        groups: number of groups, 16 questions each. Every pair of cells that differ in their
            column is used once before any is used again: 27 pairs in a 3 x 3 grid.
        seed: seed of everything.
        distractors: further pictures on the canvas, which nobody asks for.
        objects: ``core`` (twelve) or ``all`` (fifteen).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=3, ge=2, le=9)
    canvas: int = Field(default=CANVAS, ge=96, le=4096)
    groups: int = Field(default=135, ge=1)
    seed: int = Field(default=0, ge=0)
    distractors: int = Field(default=0, ge=0)
    objects: Literal["core", "all"] = "core"

    @model_validator(mode="after")
    def _fits(self) -> RelationSpec:
        free = self.rows**2 - 2
        if self.distractors > free:
            raise ValueError(f"distractors={self.distractors}: the grid has room for {free}")
        return self

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The objects that this probe draws."""
        return CORE_OBJECTS if self.objects == "core" else OBJECTS


def cell_pairs(rows: int) -> list[tuple[int, int]]:
    """All pairs of cells of which the first stands further left."""
    cells = range(rows**2)
    return [(p, q) for p in cells for q in cells if p % rows < q % rows]


def _transposed(cell: int, rows: int) -> int:
    column, row = place(cell, rows)
    return column * rows + row


def _questions(names: tuple[str, str], cells: tuple[int, int], axis: int, rows: int) -> list[Any]:
    """The four questions about two pictures in two cells along one axis, and their answers."""
    asked = []
    for subject, reference in ((0, 1), (1, 0)):
        for name, relation in RELATIONS.items():
            if relation.axis == axis:
                true = relation.holds(cells[subject], cells[reference], rows)
                asked.append((names[subject], name, names[reference], "Yes" if true else "No"))
    return asked


def plan_relations(spec: RelationSpec) -> Iterator[dict[str, Any]]:
    """Yields the questions of a relation probe, group by group, canvas by canvas.

    Of a group's sixteen questions eight are about columns (left, right) and eight about rows
    (above, below), in cells that are mirrored at the diagonal; so all four relations see the same
    distances. Each question is a flat record: ``question_id``, ``group``, ``pair`` (shared with
    the same words about the swapped pictures), ``subject``, ``relation``, ``reference``,
    ``distance`` (columns apart for left and right, rows apart for above and below), ``answer``,
    ``rows``, ``canvas``, and of each picture on the canvas the caption (``tiles``), the row-major
    cell (``cells``) and the picture's seed (``seeds``).
    """
    rows, names, pairs = spec.rows, captions(spec.vocabulary), cell_pairs(spec.rows)
    for group in range(spec.groups):
        turn, number = divmod(group, len(pairs))
        order = np.random.default_rng([spec.seed, turn, _PAIR_DICE]).permutation(len(pairs))
        cells = pairs[order[number]]
        rng = np.random.default_rng([spec.seed, group, _PICTURE_DICE])
        tiles = [names[i] for i in rng.permutation(len(names))[: 2 + spec.distractors]]
        seeds = [int(s) for s in rng.integers(2**31, size=len(tiles))]
        free = [c for c in range(rows**2) if c not in cells]
        others = [free[i] for i in rng.permutation(len(free))[: spec.distractors]]
        for axis in (COLUMNS, ROWS):
            at = [c if axis == COLUMNS else _transposed(c, rows) for c in (*cells, *others)]
            for swapped in (False, True):
                if swapped:
                    at = [at[1], at[0], *at[2:]]
                distance = abs(place(at[0], rows)[axis] - place(at[1], rows)[axis])
                asked = _questions((tiles[0], tiles[1]), (at[0], at[1]), axis, rows)
                for number_asked, (subject, relation, reference, answer) in enumerate(asked):
                    pair = f"{group:05d}-{number_asked // 2}-{relation}"
                    yield {
                        "question_id": f"{pair}-{'swapped' if swapped else 'placed'}",
                        "group": group,
                        "pair": pair,
                        "subject": subject,
                        "relation": relation,
                        "reference": reference,
                        "distance": distance,
                        "answer": answer,
                        "rows": rows,
                        "canvas": spec.canvas,
                        "tiles": tiles,
                        "cells": at,
                        "seeds": seeds,
                    }
