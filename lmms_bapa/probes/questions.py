"""Plans the questions of a probe: which pictures, in which cells, asked for by which name.

A group is one set of pictures. Its key picture stands at every place of the layout in turn (every
cell of a grid), and each canvas is asked for the key (answer Yes) and for a caption that is on none
of the group's canvases (answer No). Everything follows from the specification and its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lmms_bapa.probes.layouts import CANVAS, LAYOUTS, Layout, options_of
from lmms_bapa.probes.vocabulary import COLOURS, CORE_OBJECTS, OBJECTS, caption, captions
from lmms_bapa.validation import nearest

# Raise this number when a seed would no longer give the same pixels and questions: the harness's
# response cache does not look at pictures, it sees only this number (in the task's metadata).
GENERATOR_VERSION = "1.0"

# The wording of the official evaluation script (arXiv 2509.21984, probing task).
PROMPT = (
    "Determine if there is a sub-image in the given image that matches the text following.\n"
    "Text: {caption}\n"
    "The answer should only contain 'Yes' or 'No', without reasoning process.\n"
)


class ProbeSpec(BaseModel):
    """What a probe asks.

    Attributes:
        rows: the grid is ``rows`` x ``rows``.
        canvas: side of the canvas in pixels.
        groups: number of groups; a group has two questions a place.
        seed: seed of everything.
        distractors: ``random`` pictures, or ``conjunction``: each shares the key's colour or its
            object (never both), and the absent caption's colour and object are both on the canvas.
        order: ``swap`` moves the key by swapping two pictures, so that all others stay where they
            are; ``shift`` is the paper's: the distractors keep their reading order and make room.
        objects: ``core`` (twelve, known to the embedded models) or ``all`` (fifteen).
        layout: ``grid``, ``free`` or ``pixel``, see :mod:`lmms_bapa.probes.layouts`.
        sizes: option of ``free``; None is its default.
        shifts: option of ``pixel``; None is its default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=3, ge=2, le=9)
    canvas: int = Field(default=CANVAS, ge=96, le=4096)
    groups: int = Field(default=500, ge=1)
    seed: int = Field(default=0, ge=0)
    distractors: Literal["random", "conjunction"] = "random"
    order: Literal["swap", "shift"] = "swap"
    objects: Literal["core", "all"] = "core"
    layout: str = "grid"
    sizes: tuple[float, float] | None = None
    shifts: tuple[int, ...] | None = None

    @field_validator("layout")
    @classmethod
    def _known_layout(cls, value: str) -> str:
        if value not in LAYOUTS:
            raise ValueError(f"unknown layout: {nearest(value, list(LAYOUTS))}")
        return value

    @model_validator(mode="after")
    def _options_belong_to_the_layout(self) -> Self:
        for layout in LAYOUTS.values():
            for option in options_of(layout) - options_of(LAYOUTS[self.layout]):
                if getattr(self, option) is not None:
                    raise ValueError(f"{option} is an option of layout: {layout.name}")
        self.arrangement  # noqa: B018 (refuses wrong values of the options)
        return self

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The objects that this probe draws."""
        return CORE_OBJECTS if self.objects == "core" else OBJECTS

    @property
    def arrangement(self) -> Layout:
        """The layout with its options.

        Raises:
            ValueError: the layout refuses a value.
        """
        layout = LAYOUTS[self.layout]
        given = {name: getattr(self, name) for name in options_of(layout)}
        options = {name: value for name, value in given.items() if value is not None}
        return layout(self.rows, self.canvas, self.seed, **options)


def _random_set(rng: np.random.Generator, names: list[str], cells: int) -> tuple[list[str], str]:
    """``cells`` different captions, the key first, and one more that is absent."""
    if cells >= len(names):
        raise ValueError(f"{cells} cells need more than the {len(names)} captions there are")
    chosen = [names[i] for i in rng.permutation(len(names))[: cells + 1]]
    return chosen[:-1], chosen[-1]


def _conjunction_set(
    rng: np.random.Generator, objects: tuple[str, ...], cells: int
) -> tuple[list[str], str]:
    """The key, then distractors that share its colour or its object, and a hard absent caption."""
    colours = list(rng.permutation(list(COLOURS)))
    things = list(rng.permutation(list(objects)))
    key = caption(colours[0], things[0])
    same_object = [caption(c, things[0]) for c in colours[1:]]
    same_colour = [caption(colours[0], t) for t in things[1:]]
    # Alternate, so that both features are shared by about as many distractors.
    shared = [name for pair in zip(same_object, same_colour, strict=False) for name in pair]
    shared += same_colour[len(same_object) :]
    # The first pair shows colours[1] and things[1]; together they are nowhere.
    absent = caption(colours[1], things[1])
    rest = [n for n in captions(objects) if n not in {key, absent, *shared}]
    filler = [rest[i] for i in rng.permutation(len(rest))]
    tiles = [key, *shared, *filler][:cells]
    if len(tiles) < cells:
        raise ValueError(
            f"{cells} cells need more than the {len(tiles)} pictures that can stand together"
        )
    return tiles, absent


def _arrange(pictures: list[Any], home: int, cell: int, order: str) -> list[Any]:
    """Places ``pictures`` (the key first) so that the key stands in ``cell``."""
    key, *others = pictures
    if order == "shift":
        return [*others[:cell], key, *others[cell:]]
    placed = [*others[:home], key, *others[home:]]
    placed[home], placed[cell] = placed[cell], placed[home]
    return placed


def plan(spec: ProbeSpec) -> Iterator[dict[str, Any]]:
    """Yields the questions of a probe, group by group, place by place.

    Each question is a flat record:

    - ``question_id``, ``group``, ``asked`` (``key`` or ``absent``), ``caption`` (the name asked
      for) and ``answer`` (``Yes`` or ``No``);
    - ``place`` (number of the key's place, of ``places``), ``cell`` (row-major number of its
      cell), ``shift``, and its box in pixels: ``left``, ``top`` and ``side``;
    - ``layout``, ``rows`` and ``canvas``;
    - ``tiles`` and ``seeds``: caption and picture seed of each picture in row-major order; for
      irregular layouts also ``boxes``, its [left, top, side].

    Raises:
        ValueError: the grid has more cells than there are captions.
    """
    cells = spec.rows**2
    names, layout = captions(spec.vocabulary), spec.arrangement
    for group in range(spec.groups):
        rng = np.random.default_rng([spec.seed, group])
        if spec.distractors == "conjunction":
            tiles, absent = _conjunction_set(rng, spec.vocabulary, cells)
        else:
            tiles, absent = _random_set(rng, names, cells)
        seeds = [int(s) for s in rng.integers(2**31, size=cells)]
        home = int(rng.integers(cells))
        distractors = list(zip(tiles, seeds, strict=True))[1:]
        mixed = [distractors[i] for i in rng.permutation(cells - 1)]
        pictures = [(tiles[0], seeds[0]), *mixed]
        places = layout.places(group)
        for number, place in enumerate(places):
            placed = _arrange(pictures, home, place.cell, spec.order)
            box = place.boxes[place.cell]
            # The regular grid follows from rows and canvas; thousands of documents need not say it.
            is_regular = spec.layout == "grid"
            boxes = {} if is_regular else {"boxes": [[b.left, b.top, b.side] for b in place.boxes]}
            for asked, name, answer in (("key", tiles[0], "Yes"), ("absent", absent, "No")):
                yield {
                    "question_id": f"{group:05d}-{number:02d}-{asked}",
                    "group": group,
                    "asked": asked,
                    "caption": name,
                    "answer": answer,
                    "place": number,
                    "places": len(places),
                    "cell": place.cell,
                    "shift": place.shift,
                    "left": box.left,
                    "top": box.top,
                    "side": box.side,
                    "layout": spec.layout,
                    "rows": spec.rows,
                    "canvas": spec.canvas,
                    "tiles": [tile for tile, _ in placed],
                    "seeds": [seed for _, seed in placed],
                    **boxes,
                }
