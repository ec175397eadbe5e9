"""Plans the questions of a probe of captioned pictures.

As in :mod:`lmms_bapa.probes.questions`: a group is one set of pictures, its key stands in every
cell in turn by trading places with one other picture, and each canvas is asked for the key's
caption (Yes) and for an absent one (No).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.items import Item
from lmms_bapa.probes.captioned.likeness import Likeness
from lmms_bapa.probes.captioned.spec import CaptionedSpec


def check_enough(items: Sequence[Item], spec: CaptionedSpec) -> None:
    """Refuses a grid that the pictures cannot fill.

    Raises:
        UsageError: fewer different captions than cells and one more, the absent one.
    """
    wordings, needed = len({item.wording for item in items}), spec.rows**2 + 1
    if wordings < needed:
        raise UsageError(
            f"a {spec.rows} x {spec.rows} grid needs {needed} pictures with different captions, "
            f"there are {wordings}: add pictures, or give a smaller --rows"
        )


def _keys(spec: CaptionedSpec, count: int) -> Iterator[int]:
    """The number of each group's key: every item once before any is used again."""
    for group in range(spec.groups):
        turn, place = divmod(group, count)
        if place == 0:
            order = np.random.default_rng([spec.seed, 0, turn]).permutation(count)
        yield int(order[place])


def plan_captioned(items: Sequence[Item], spec: CaptionedSpec) -> Iterator[dict[str, Any]]:
    """Yields the questions, group by group, cell by cell.

    Absent captions and distractors are drawn alike, so that a caption that is often asked for in
    vain gives nothing away. With ``hard`` distractors they are the ``rows**2`` items whose
    captions are most like the key's, in seeded order where they are equally like it.

    Each question is a flat record: ``question_id``, ``group``, ``cell`` (row-major), ``asked``
    (``key`` or ``absent``), ``caption``, ``answer``, ``rows``, ``canvas`` and ``pictures`` (the
    numbers of the items on the canvas, row-major).

    Raises:
        UsageError: there are fewer different captions than the grid needs.
    """
    check_enough(items, spec)
    cells = spec.rows**2
    wording = [item.wording for item in items]
    likeness = Likeness(wording) if spec.distractors == "hard" else None
    for group, key in enumerate(_keys(spec, len(items))):
        rng = np.random.default_rng([spec.seed, 1, group])
        order = rng.permutation(len(items))
        if likeness is not None:
            order = order[np.argsort(-likeness.to(key)[order], kind="stable")]
        chosen = {wording[key]: key}
        for number in order:
            if len(chosen) > cells:
                break
            chosen.setdefault(wording[number], int(number))
        absent, *others = rng.permutation(list(chosen.values())[1:]).tolist()
        home = int(rng.integers(cells))
        placed = [*others[:home], key, *others[home:]]
        for cell in range(cells):
            shown = list(placed)
            shown[home], shown[cell] = shown[cell], shown[home]
            for asked, number, answer in (("key", key, "Yes"), ("absent", absent, "No")):
                yield {
                    "question_id": f"{group:05d}-{cell:02d}-{asked}",
                    "group": group,
                    "cell": cell,
                    "asked": asked,
                    "caption": items[number].caption,
                    "answer": answer,
                    "rows": spec.rows,
                    "canvas": spec.canvas,
                    "pictures": shown,
                }
