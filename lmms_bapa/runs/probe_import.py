"""Takes a local copy of the paper's published probe in, so that it runs as a task."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from rich.progress import Progress

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.folder import (
    DOCUMENTS,
    PICTURES,
    File,
    Manifest,
    check_vacant,
    dump_lines,
    fact,
    new_folder,
    seal,
)
from lmms_bapa.probes.captioned.laion import CANVAS_SIZE, FIELDS, questions_of
from lmms_bapa.probes.captioned.pixels import decode, strict
from lmms_bapa.probes.captioned.spec import CAPTIONED_VERSION
from lmms_bapa.probes.captioned.tables import offenders, read_rows
from lmms_bapa.runs.probe_build import Built
from lmms_bapa.validation import reason

TASK = "spatial_probe_laion_local"
TASK_CLASS = "lmms_bapa.harness.laion_task.LaionProbe"


def import_laion(rows_file: Path, images: Path, output: Path, progress: Progress) -> Built:
    """Checks the rows and every canvas, then makes a folder with the task.

    Canvases become hard links where the file system allows it: no byte is stored twice, and yet
    the new folder is whole by itself, may be moved, and outlives the old one. Elsewhere they are
    copied.

    Args:
        rows_file: a JSON list or JSON lines.
        images: folder of the canvases.
        output: the folder to make; written whole or not at all.
        progress: shows how far it is.

    Raises:
        UsageError: the first of what is wrong, and how much more of it there is.
    """
    check_vacant(output)
    if not images.is_dir():
        raise UsageError(f"--images {images}: no such folder")
    rows = read_rows(rows_file)
    try:
        questions, remarks = questions_of(rows)
    except UsageError as error:
        raise UsageError(f"{rows_file}: {error}") from error
    names = _names(rows_file, rows, images)
    files, sizes = _check_canvases(images, names, progress)
    other = [n for n, size in sizes.items() if size != CANVAS_SIZE]
    if other:
        width, height = CANVAS_SIZE
        remarks.append(offenders(f"canvases that are not {width} x {height} px", other))
    documents = [
        {"image": row["image"], **{field: row[field] for field in FIELDS}, **question}
        for row, question in zip(rows, questions, strict=True)
    ]
    with new_folder(output) as made:
        copied = 0
        for name in progress.track(names, description="linking canvases"):
            copied += not _link(images / name, made / PICTURES / name)
        lines = dump_lines(documents)
        (made / DOCUMENTS).write_bytes(lines)
        manifest = Manifest(
            kind="laion",
            generator=CAPTIONED_VERSION,
            specification={"rows": rows_file.name},
            documents=fact(lines),
            questions=len(documents),
            pictures=files,
        )
        seal(made, manifest, TASK, TASK_CLASS)
    if copied:
        remarks.append(f"{copied} canvases were copied: the file system has no hard links here")
    return Built(len(documents), len(names), remarks)


def _names(rows_file: Path, rows: Sequence[dict[str, Any]], images: Path) -> list[str]:
    outside = [
        f"row {number} has {row.get('image')!r}"
        for number, row in enumerate(rows, start=1)
        if not _is_inside(row.get("image"))
    ]
    if outside:
        raise UsageError(
            offenders(f"{rows_file}: 'image' must be a file name inside the folder", outside)
        )
    names = list(dict.fromkeys(row["image"] for row in rows))
    missing = [name for name in names if not (images / name).is_file()]
    if missing:
        raise UsageError(offenders(f"canvases not in {images}", missing))
    return names


def _is_inside(name: Any) -> bool:
    if not isinstance(name, str) or not name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _check_canvases(
    images: Path, names: Sequence[str], progress: Progress
) -> tuple[dict[str, File], dict[str, tuple[int, int]]]:
    """Decodes every canvas; libraries do that outside the interpreter's lock."""

    def look(name: str) -> tuple[File, tuple[int, int]] | str:
        try:
            data = (images / name).read_bytes()
            return fact(data), decode(data).size
        except (UsageError, OSError) as error:
            return f"{name} ({reason(error)})"

    files, sizes, broken = {}, {}, []
    with strict(), ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = pool.map(look, names)
        checked = progress.track(looks, total=len(names), description="checking canvases")
        for name, found in zip(names, checked, strict=True):
            if isinstance(found, str):
                broken.append(found)
            else:
                files[name], sizes[name] = found
    if broken:
        raise UsageError(offenders(f"canvases in {images} that cannot be decoded", broken))
    return files, sizes


def _link(source: Path, target: Path) -> bool:
    """Whether a hard link could be made; else the file was copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
        return False
    return True
