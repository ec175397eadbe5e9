"""Spreadsheets whose cells are what was answered, and whose bytes are always the same."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from openpyxl import Workbook, load_workbook

CELL_LIMIT = 32_767  # characters that a cell can hold; openpyxl cuts the rest off without a word
_EPOCH = (1980, 1, 1, 0, 0, 0)  # where the dates of a zip begin
_DATES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def settled(sheet: bytes) -> bytes:
    """The same sheet, all texts as texts, without the time at which it was made.

    A reply such as ``=1+1`` becomes a formula where it is written by pandas, and ``#N/A`` an
    error; whoever reads the file finds no answer there.
    """
    book = load_workbook(io.BytesIO(sheet))
    for page in book.worksheets:
        for row in page.iter_rows():
            for cell in row:
                if cell.data_type in ("f", "e"):
                    cell.data_type = "s"
    return _bytes(book)


def write_sheet(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A sheet with one heading row; what a row lacks is an empty cell."""
    names = list(columns)
    book = Workbook(write_only=False)
    page = book.worksheets[0]
    page.append(names)
    for row in rows:
        page.append([row.get(name) for name in names])
    out = io.BytesIO()
    book.save(out)
    return settled(out.getvalue())


def read_sheet(sheet: bytes) -> list[dict[str, Any]]:
    """The rows of the first page, by heading; an empty cell is an empty text."""
    page = load_workbook(io.BytesIO(sheet)).worksheets[0]
    names, *rows = page.iter_rows(values_only=True)
    return [
        {str(k): "" if v is None else v for k, v in zip(names, row, strict=True)} for row in rows
    ]


def _bytes(book: Workbook) -> bytes:
    dated, out = io.BytesIO(), io.BytesIO()
    book.save(dated)
    with (
        zipfile.ZipFile(dated) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _DATES.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, content)
    return out.getvalue()
