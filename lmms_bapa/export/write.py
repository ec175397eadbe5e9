"""Writes an export: all of its files, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
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
    """
    try:
        made = _first_missing(folder)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as staging:
                paths = _stage(files, Path(staging))
                if not overwrite:
                    _check_free(paths, Path(staging), folder)
                for path in paths:
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(Path(staging) / path, folder / path)
        except BaseException:
            _remove_empty(made)
            raise
    except OSError as error:
        where = error.filename or folder
        raise UsageError(
            f"cannot write {where}: {error.strerror}: name another --output"
        ) from error
    return [folder / path for path in paths]


def _stage(files: Iterable[ExportFile], staging: Path) -> list[PurePosixPath]:
    paths: list[PurePosixPath] = []
    for file in files:
        if file.path.is_absolute() or ".." in file.path.parts:
            raise ValueError(f"{file.path}: outside the folder of the export")
        if file.path in paths:
            raise ValueError(f"{file.path}: two files of an export have this path")
        paths.append(file.path)
        place = staging / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    if not paths:
        raise UsageError("nothing to export: none of the chosen tasks and settings fits")
    return paths


def _check_free(paths: Iterable[PurePosixPath], staging: Path, folder: Path) -> None:
    for path in paths:
        there = folder / path
        if there.is_dir() or (
            there.exists() and there.read_bytes() != (staging / path).read_bytes()
        ):
            raise UsageError(
                f"{there}: there already, with another content: add --overwrite, or name another "
                "--output"
            )


def _first_missing(folder: Path) -> list[Path]:
    """The folders that have to be made, the innermost first."""
    return [place for place in (folder, *folder.parents) if not place.exists()]


def _remove_empty(made: Iterable[Path]) -> None:
    """Takes away the folders that were made for nothing."""
    for place in made:
        try:
            place.rmdir()
        except OSError:
            return
