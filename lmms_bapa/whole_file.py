"""Writes files that nobody ever sees half-written."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all.

    Args:
        path: the file; one that is there is replaced. If the process is killed meanwhile,
            :func:`partial` is what may be left.
        text: its content.

    Raises:
        OSError: it cannot be written.
    """
    half = partial(path)
    try:
        with half.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def partial(path: Path) -> Path:
    """The file that :func:`write_whole` writes first."""
    return path.with_name(f".{path.name}.partial")
