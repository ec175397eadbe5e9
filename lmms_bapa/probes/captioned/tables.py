"""Reads the list of pictures and captions: JSON, JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.json_text import parse_json

Row = dict[str, Any]

# Tried in this order where the user names no column.
IMAGE_COLUMNS = ("image", "file_name", "picture", "file", "filename", "path")
CAPTION_COLUMNS = ("caption", "text", "captions", "description")


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, by its ending.

    Args:
        path: ``.csv`` or ``.tsv`` with a header; ``.jsonl``, one object a line; or ``.json``: a
            list of objects, an object from file names to captions, captions in COCO's form, or
            JSON lines.

    Raises:
        UsageError: the file cannot be read, or is none of these.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path} cannot be read: {why}") from error
    kind = path.suffix.lower()
    if kind in {".csv", ".tsv"}:
        rows = _table(path, text, "\t" if kind == ".tsv" else ",")
    elif kind in {".jsonl", ".ndjson"}:
        rows = _lines(path, text)
    elif kind == ".json":
        rows = _json(path, text)
    else:
        raise UsageError(f"{path}: the name must end in .json, .jsonl or .csv")
    if not rows:
        raise UsageError(f"{path} has no rows")
    return rows


def _table(path: Path, text: str, delimiter: str) -> list[Row]:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UsageError(f"{path} is not a table: {error}") from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise UsageError(
                f"{path}, row {number}: it has not as many fields as the header; "
                "put captions with commas in double quotes"
            )
    return [dict(row) for row in rows]


def _lines(path: Path, text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(parse_json(line))
            except json.JSONDecodeError as error:
                raise UsageError(f"{path}, line {number}: not JSON: {error.msg}") from error
    return _objects(path, rows)


def _json(path: Path, text: str) -> list[Row]:
    try:
        content = parse_json(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # a second object: lines under another name
            return _lines(path, text)
        raise UsageError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    if isinstance(content, dict):
        if {"images", "annotations"} <= set(content):
            return _coco(path, content)
        if any(name in content for name in IMAGE_COLUMNS):
            return [content]
        return [{"image": name, "caption": caption} for name, caption in content.items()]
    if not isinstance(content, list):
        raise UsageError(f"{path} holds neither a list nor an object")
    return _objects(path, content)


def _coco(path: Path, content: Mapping[str, Any]) -> list[Row]:
    try:
        files = {image["id"]: image["file_name"] for image in content["images"]}
        return [
            {"image": files[note["image_id"]], "caption": note["caption"]}
            for note in content["annotations"]
        ]
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path} looks like COCO's captions, but lacks {error}") from error


def _objects(path: Path, rows: Sequence[Any]) -> list[Row]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UsageError(f"{path}, row {number}: it is not an object with names")
    return list(rows)


def choose_column(
    columns: Collection[str], wanted: str | None, known: Sequence[str], option: str, where: str
) -> str:
    """The name of a column: the wanted one, or the first known one that is there.

    Raises:
        UsageError: there is no such column.
    """
    if wanted is not None:
        if wanted not in columns:
            raise UsageError(f"{option} {wanted}: {where} has {', '.join(columns)}")
        return wanted
    for name in known:
        if name in columns:
            return name
    raise UsageError(f"{where} has {', '.join(columns)}: say which column with {option}")


def caption_of(row: Mapping[str, Any], column: str) -> str:
    """The caption in a row; the first one where there are several. Spaces are made single.

    Returns:
        An empty text where there is none.
    """
    value = row.get(column)
    if isinstance(value, list):
        value = value[0] if value else None
    return " ".join(value.split()) if isinstance(value, str) else ""


def offenders(what: str, names: Sequence[str]) -> str:
    """Names the first offender, and how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{what}: {names[0]}{more}"
