"""Looks at a task's pictures before the first question: readable, and small enough to be moved."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from datasets import Dataset, Image
from loguru import logger
from PIL import Image as Pictures

from lmms_bapa.errors import UsageError
from lmms_bapa.shift.placement import Placement, frame
from lmms_bapa.shift.spec import ShiftSpec
from lmms_bapa.validation import reason

_ROWS_AT_ONCE = 256
# How a complete file ends; some have a few bytes more.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_TAIL = 64


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


def _open(picture: Any) -> BinaryIO:
    stored = picture["bytes"]
    if stored.is_valid:
        # Nothing is copied; Pillow needs the lines that a bare buffer cannot read.
        return io.BufferedReader(pa.BufferReader(stored.as_buffer()))
    return Path(picture["path"].as_py()).open("rb")


def _ends_as(kind: str | None, file: BinaryIO) -> bool:
    end = _ENDS.get(kind or "")
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL))
    return end is None or end in file.read()


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
    broken_off: list[int] = []
    for number, column, picture in _stored(documents, columns):
        try:
            with _open(picture) as file, Pictures.open(file) as opened:
                kind, size = opened.format, opened.size
                if spec.layout.placements:
                    frame(size, Placement("any"), ratio, room)
                if not _ends_as(kind, file):
                    broken_off.append(number)
        except UsageError as error:
            raise UsageError(f"document {number}: {error}") from error
        except Pictures.DecompressionBombError as error:
            raise UsageError(f"document {number}: the picture in column {column} is too large to "
                             f"be opened ({reason(error)})") from error  # fmt: skip
        except (OSError, AttributeError, TypeError, ValueError) as error:
            raise UsageError(
                f"document {number}: the picture in column {column} cannot be read "
                f"({reason(error)}): repair the data set, or delete its cached copy"
            ) from error
    if broken_off:
        logger.warning(
            f"{len(broken_off)} picture(s) break off in the middle, the first in document "
            f"{broken_off[0]}: the harness shows them as far as they go"
        )
