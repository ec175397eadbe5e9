"""Looks at a task's pictures before the first question: readable, and small enough to be moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from datasets import Dataset, Image
from PIL import Image as Pictures

from lmms_bapa.errors import UsageError
from lmms_bapa.shift.placement import Placement, frame
from lmms_bapa.shift.spec import ShiftSpec
from lmms_bapa.validation import reason

_ROWS_AT_ONCE = 256


def _holds_pictures(feature: Any) -> bool:
    return isinstance(getattr(feature, "feature", feature), Image)


def _stored(documents: Dataset, columns: list[str]) -> Iterator[tuple[int, str, Any]]:
    """Document, column and stored picture of everything in the columns, nothing decoded."""
    first = 0
    for table in documents.select_columns(columns).with_format("arrow").iter(_ROWS_AT_ONCE):
        for column in columns:
            for row, cell in enumerate(table.column(column)):
                many = cell.values if isinstance(cell, pa.ListScalar) else [cell]
                for picture in many or ():
                    if picture.is_valid:
                        yield first + row, column, picture
        first += len(table)


def check_pictures(documents: Any, spec: ShiftSpec) -> None:
    """Reads the head of every picture that the data set stores as one.

    Pixels are neither read nor copied, so ten thousand pictures take about a second.

    Args:
        documents: the data set; one that stores pictures in its own way is left to its task.
        spec: how it is shifted.

    Raises:
        UsageError: a picture is missing or damaged, or its canvas would be too large.
    """
    if not isinstance(documents, Dataset):
        return
    columns = [n for n, feature in documents.features.items() if _holds_pictures(feature)]
    if not columns:
        return
    room, ratio = spec.layout.room, spec.layout.ratio
    for number, column, picture in _stored(documents, columns):
        try:
            stored = picture["bytes"]
            source = pa.BufferReader(stored.as_buffer()) if stored.is_valid else None
            with Pictures.open(source or picture["path"].as_py()) as opened:
                size = opened.size
            frame(size, Placement("any"), ratio, room)
        except UsageError as error:
            raise UsageError(f"document {number}: {error}") from error
        except (OSError, AttributeError, TypeError, ValueError) as error:
            raise UsageError(
                f"document {number}: the picture in column {column} cannot be read "
                f"({reason(error)}): repair the data set, or delete its cached copy"
            ) from error
