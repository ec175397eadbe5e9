"""Writes a report: the page, its figures and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lmms_bapa.errors import UsageError
from lmms_bapa.places import try_place
from lmms_bapa.report.page import render
from lmms_bapa.report.parts import Part, make_parts
from lmms_bapa.report.strength import find_curves
from lmms_bapa.report.study import Study
from lmms_bapa.whole_file import write_whole

PAGE, FIGURES, TABLES = "index.html", "figures", "tables"
_MARK = 'name="generator" content="lmms-bapa'
_OURS = {FIGURES: (".png", ".svg"), TABLES: (".csv", ".md")}


def check_output(folder: Path) -> None:
    """Makes sure that the folder can be written to, before any work.

    Raises:
        UsageError: it cannot, or it holds a page, figures or tables that are no report's.
    """
    taken = [name for name in (PAGE, FIGURES, TABLES) if (folder / name).exists()]
    if taken and not _is_report(folder / PAGE):
        raise UsageError(
            f"--output {folder}: there is {taken[0]} already, not of a report: name another folder"
        )
    try_place(folder)


def _is_report(page: Path) -> bool:
    try:
        return _MARK in page.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def write_report(study: Study, folder: Path) -> Path:
    """Writes ``index.html``, ``figures/`` and ``tables/``.

    Figures and tables of an earlier report there are replaced; the page appears last, complete.

    Returns:
        The page.

    Raises:
        UsageError: matplotlib is not installed, or the folder cannot be written to.
    """
    curves = find_curves(study.settings)
    parts = list(make_parts(study, curves))
    page = render(study, parts, curves)
    try:
        _write_files(folder, parts)
        path = folder / PAGE
        write_whole(path, page)
    except OSError as error:
        raise UsageError(f"--output {folder}: {error.strerror}: name another folder") from error
    return path


def _write_files(folder: Path, parts: Sequence[Part]) -> None:
    figures, tables = folder / FIGURES, folder / TABLES
    for name, endings in _OURS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / name).iterdir():
            if old.suffix in endings:
                old.unlink()
    for part in parts:
        for picture in part.pictures:
            (figures / f"{picture.name}.svg").write_bytes(picture.wide)
            (figures / f"{picture.name}.png").write_bytes(picture.png)
        for table in part.tables:
            (tables / f"{table.name}.csv").write_text(table.to_csv(), encoding="utf-8")
            (tables / f"{table.name}.md").write_text(table.to_markdown(), encoding="utf-8")
