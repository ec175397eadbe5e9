"""The documents of a task, each of them several times, without a copy of anything.

A data set could be expanded as a table, but adding a column to one that was filtered copies its
pictures. This view holds a reference: a million placed documents cost nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image as Pictures

DOCUMENT, PLACEMENT = "shift_document", "shift_placement"


def _fresh(value: Any) -> Any:
    """Copies what a task may write into or draw on; every place starts from the same document."""
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    if isinstance(value, Pictures.Image):
        copied = value.copy()
        copied.format = value.format  # a copy forgets it, and tasks may ask
        return copied
    return [_fresh(item) for item in value] if isinstance(value, list) else value


class PlacedDocuments(Sequence[dict[str, Any]]):
    """Every document at every place: all places of the first, all places of the second, ...

    Args:
        documents: a data set of the task.
        placements: names of the places.
    """

    def __init__(self, documents: Any, placements: Sequence[str]) -> None:
        self.documents = documents
        self.placements = tuple(placements)
        self._last: tuple[int, dict[str, Any]] | None = None

    @property
    def features(self) -> Any:
        """The base task's columns; its prompts are looked up in them."""
        return self.documents.features

    @property
    def column_names(self) -> list[str]:
        """All columns of a placed document."""
        return [*self.documents.column_names, DOCUMENT, PLACEMENT]

    def __len__(self) -> int:
        return len(self.documents) * len(self.placements)

    def __getitem__(self, index: Any) -> Any:
        index = operator.index(index)
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, place = divmod(index, len(self.placements))
        # The places of one document are asked for in a row: its picture is decoded once.
        last = self._last
        if last is None or last[0] != number:
            self._last = last = number, self.documents[number]
        return self._placed(last[1], number, place)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, document in enumerate(self.documents):
            for place in range(len(self.placements)):
                yield self._placed(document, number, place)

    def _placed(self, document: dict[str, Any], number: int, place: int) -> dict[str, Any]:
        return {**_fresh(document), DOCUMENT: number, PLACEMENT: self.placements[place]}


class BareDocuments(Sequence[dict[str, Any]]):
    """The base task's own documents of some placed ones, each read when it is asked for.

    Args:
        placed: the placed documents.
        numbers: which of them, in order.
    """

    def __init__(self, placed: Any, numbers: Sequence[int]) -> None:
        self._placed, self._numbers = placed, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return bare(self._placed[self._numbers[operator.index(index)]])


def bare(document: dict[str, Any]) -> dict[str, Any]:
    """The base task's own document."""
    return {key: v for key, v in document.items() if key not in (DOCUMENT, PLACEMENT)}
