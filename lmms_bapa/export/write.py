"""Writes an export: all of its files, or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath

from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import ExportFile


def write_files(files: Iterable[ExportFile], folder: Path, overwrite: bool = False) -> list[Path]:
    """Writes files, after all of them were made.

    Args:
        files: what an exporter gives; made one by one, and kept on the disk beside their place.
        folder: where they belong; made if it is not there.
        overwrite: replace files that are there with another content.

    Returns:
        Their places, in the order in which they came.

    Raises:
        UsageError: no file, a file that is there and differs, or the folder cannot be written to.
        ValueError: an exporter gave two files of one path, or one outside the folder.
    """
    try:
        with ExitStack() as made:
            _make(folder, made)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as kept:
                staging = Path(kept) / "new"
                paths = _stage(files, staging)
                for path in paths:
                    _check_free(folder / path, folder, staging / path, overwrite)
                with ExitStack() as undo:
                    for number, path in enumerate(paths):
                        _place(staging / path, folder / path, Path(kept) / f"{number}", undo)
                    undo.pop_all()
            made.pop_all()
    except OSError as error:
        where = error.filename or folder
        raise UsageError(
            f"cannot write {where}: {error.strerror}: name another --output"
        ) from error
    return [folder / path for path in paths]


def _stage(files: Iterable[ExportFile], staging: Path) -> list[PurePosixPath]:
    paths: dict[PurePosixPath, None] = {}
    for file in files:
        if file.path.is_absolute() or ".." in file.path.parts or not file.path.parts:
            raise ValueError(f"{file.path}: outside the folder of the export")
        if file.path in paths or (staging / file.path).exists():
            raise ValueError(f"{file.path}: two files of an export have this path")
        paths[file.path] = None
        place = staging / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    if not paths:
        raise UsageError("nothing to export: none of the chosen tasks and settings fits")
    return list(paths)


def _check_free(place: Path, folder: Path, new: Path, overwrite: bool) -> None:
    """Refuses a place that is taken.

    Raises:
        UsageError: by a folder, by a file where a folder belongs, or by a file that differs.
    """
    above = [parent for parent in place.parents if parent.is_relative_to(folder)]
    for parent in above:
        if parent.exists() and not parent.is_dir():
            raise UsageError(f"{parent}: a file, not a folder: name another --output")
    if place.is_dir():
        raise UsageError(f"{place}: a folder, not a file: name another --output")
    if place.exists() and not overwrite and place.read_bytes() != new.read_bytes():
        raise UsageError(
            f"{place}: there already, with another content: add --overwrite, or name another "
            "--output"
        )


def _place(new: Path, place: Path, kept: Path, undo: ExitStack) -> None:
    """Moves a file to its place; undone, the one that was there is back."""
    _make(place.parent, undo)
    if place.exists():
        shutil.copy2(place, kept)
        undo.callback(os.replace, kept, place)
    else:
        undo.callback(place.unlink, missing_ok=True)
    os.replace(new, place)


def _make(folder: Path, undo: ExitStack) -> None:
    """Makes a folder and those above it; undone, the empty ones of them go again."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
        undo.callback(_remove_if_empty, place)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
