"""Reads a submission file back, and compares it with what was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.export.submission.sheet import CELL_LIMIT, read_sheet

Row = Mapping[str, Any]
# What a server demands: the columns of a row, and their types; the first one tells rows apart.
Columns = Mapping[str, type | tuple[type, ...]]


def read_rows(name: str, content: bytes) -> list[Row] | None:
    """The rows of a file: of a sheet, of a list in JSON, or of an object that maps ids to answers.

    Returns:
        None if it is none of these.
    """
    if name.endswith(".xlsx"):
        return list(read_sheet(content))
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.decode().splitlines()]
    if not name.endswith(".json"):
        return None
    found = json.loads(content)
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return list(found)
    return _pairs(found) if isinstance(found, dict) else None


def expected_rows(name: str, records: Sequence[Row]) -> list[Row]:
    """What the records are in a file of this kind."""
    if name.endswith(".xlsx"):
        return [{key: _cell(value) for key, value in record.items()} for record in records]
    if name.endswith(".json") and all(len(record) == 1 for record in records):
        return [row for record in records for row in _pairs(record) or [record]]
    return list(records)


def check_rows(what: str, rows: Sequence[Row], wanted: Sequence[Row], columns: Columns) -> None:
    """Refuses a file that a server would not take, or that lacks an answer.

    Args:
        what: the file, for the message.
        rows: what was read back.
        wanted: what it should hold, see :func:`expected_rows`; a file may leave columns out, but
            none that the server demands.
        columns: those.

    Raises:
        UsageError: with the first difference.
    """
    if len(rows) != len(wanted):
        raise UsageError(f"{what}: has {len(rows)} rows for {len(wanted)} answers")
    for number, (row, want) in enumerate(zip(rows, wanted, strict=True), 1):
        for column, kind in columns.items():
            if column not in row:
                raise UsageError(f"{what}: row {number} has no {column}, which the server needs")
            if not isinstance(row[column], kind) or isinstance(row[column], bool):
                raise UsageError(
                    f"{what}: row {number}: the server cannot take the {column} {row[column]!r}"
                )
        for column in row.keys() & want.keys():
            if row[column] != want[column]:
                raise UsageError(
                    f"{what}: row {number}: the {column} reads back as {row[column]!r:.60}, not "
                    f"as {want[column]!r:.60}"
                )
    key = next(iter(columns), None)
    if key is not None and len({row[key] for row in rows}) < len(rows):
        raise UsageError(f"{what}: has the same {key} twice, which no server takes")


def cut_cells(name: str, records: Sequence[Row]) -> int:
    """How many texts are longer than a cell of a sheet can be."""
    if not name.endswith(".xlsx"):
        return 0
    texts = [v for record in records for v in record.values() if isinstance(v, str)]
    return sum(len(text) > CELL_LIMIT for text in texts)


def cut_note(what: str, count: int) -> str:
    """Tells the user of them."""
    texts = "1 text is" if count == 1 else f"{count} texts are"
    return f"{what}: {texts} cut to the {CELL_LIMIT} characters that a cell can hold"


def _pairs(found: Row) -> list[Row] | None:
    if any(isinstance(value, dict | list) for value in found.values()):
        return None
    return [{"id": key, "answer": value} for key, value in found.items()]


def _cell(value: Any) -> Any:
    if value is None or value != value:  # NaN is an empty cell
        return ""
    return value[:CELL_LIMIT] if isinstance(value, str) else value
