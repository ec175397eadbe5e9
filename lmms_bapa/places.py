"""Looks at folders before anything is written to them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lmms_bapa.errors import UsageError


def check_place(path: Path, option: str = "--output") -> None:
    """Looks whether a folder can be made and written to, without touching anything.

    Args:
        path: the folder.
        option: what the user gave it as.

    Raises:
        UsageError: it cannot.
    """
    there = _nearest(path)
    if not there.is_dir():
        raise UsageError(f"{option} {path}: {there} is not a folder: give another {option}")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        raise UsageError(f"{option} {path}: no permission to write to {there}: name another folder")


def try_place(path: Path, option: str = "--output") -> None:
    """Makes such a folder beside its place, and leaves everything as it was.

    Not in its place, where the other processes of a run may be trying the same.

    Args:
        path: the folder.
        option: what the user gave it as.

    Raises:
        UsageError: that does not work.
    """
    check_place(path, option)
    there = _nearest(path)
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".try-") as trial:
            (Path(trial) / path.absolute().relative_to(there)).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = error.strerror or str(error)
        raise UsageError(
            f"{option} {path}: cannot be written to ({said}): name another folder"
        ) from error


def _nearest(path: Path) -> Path:
    """The path itself, or the innermost folder above it that is there."""
    places = (path.absolute(), *path.absolute().parents)
    return next(place for place in places if os.path.lexists(place))
