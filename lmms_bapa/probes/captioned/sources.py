"""Where captioned pictures come from: a folder with a list, or a data set."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.items import Candidate
from lmms_bapa.probes.captioned.tables import (
    CAPTION_COLUMNS,
    IMAGE_COLUMNS,
    caption_of,
    choose_column,
    offenders,
    read_rows,
)
from lmms_bapa.validation import reason

Found = tuple[list[Candidate], list[str]]


def from_folder(
    pictures: Path, captions: Path, image_column: str | None, caption_column: str | None
) -> Found:
    """Pictures of a folder that a list gives captions for.

    Args:
        pictures: the folder; the list's file names are relative to it.
        captions: the list, see :func:`lmms_bapa.probes.captioned.tables.read_rows`.
        image_column: column with the file name, or None for the first known name.
        caption_column: column with the caption, likewise.

    Returns:
        The candidates in the list's order, and remarks on what is left out.

    Raises:
        UsageError: the folder or the list is missing or unreadable, or lists missing pictures.
    """
    if not pictures.is_dir():
        raise UsageError(f"--pictures {pictures}: no such folder")
    rows = read_rows(captions)
    where = captions.name
    columns = list(dict.fromkeys(name for row in rows for name in row))
    image = choose_column(columns, image_column, IMAGE_COLUMNS, "--image-column", where)
    caption = choose_column(columns, caption_column, CAPTION_COLUMNS, "--caption-column", where)
    first: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        name = row.get(image)
        if not isinstance(name, str) or not name:
            raise UsageError(f"{captions}, row {number}: no file name in {image!r}")
        first.setdefault(Path(name).as_posix(), caption_of(row, caption))
    missing = [name for name in first if not (pictures / name).is_file()]
    if missing:
        raise UsageError(offenders(f"{where} has captions of pictures not in {pictures}", missing))
    remarks = []
    if len(rows) > len(first):
        remarks.append(f"captions left out, since their picture has one: {len(rows) - len(first)}")
    unlisted = _pictures_in(pictures) - set(first)
    if unlisted:
        remarks.append(offenders("pictures without a caption are left out", sorted(unlisted)))
    found = [Candidate(name, text, (pictures / name).read_bytes) for name, text in first.items()]
    return found, remarks


def _pictures_in(folder: Path) -> set[str]:
    endings = set(Image.registered_extensions())
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in endings and path.is_file()
    }


def from_dataset(
    name: str,
    subset: str | None,
    split: str | None,
    image_column: str | None,
    caption_column: str | None,
    first: int | None,
) -> Found:
    """Captioned pictures of a data set that ``datasets.load_dataset`` loads.

    Args:
        name: on the hub, or a local folder.
        subset: its configuration, or None.
        split: its split; needed where there are several.
        image_column: column of pictures, or None for the first known name.
        caption_column: column of captions, likewise; of several the first caption counts.
        first: how many rows to take, or None for all.

    Returns:
        The candidates in the data set's order, and remarks.

    Raises:
        UsageError: it cannot be loaded, or lacks such a split or column.
    """
    import datasets

    rows = load_split(name, subset, split)
    columns = rows.column_names
    known = [n for n, f in rows.features.items() if isinstance(f, datasets.Image)]
    image = choose_column(columns, image_column, [*IMAGE_COLUMNS, *known], "--image-column", name)
    caption = choose_column(columns, caption_column, CAPTION_COLUMNS, "--caption-column", name)
    if image not in known:
        raise UsageError(
            f"--image-column {image}: {name} has no pictures there"
            + (f", but in {', '.join(known)}" if known else "")
        )
    if first is not None:
        rows = rows.select(range(min(first, len(rows))))
    rows = rows.cast_column(image, datasets.Image(decode=False))
    texts = rows.select_columns([caption])
    return [
        Candidate(f"row {number}", caption_of(row, caption), _reader(rows, number, image))
        for number, row in enumerate(texts)
    ], []


def load_split(name: str, subset: str | None, split: str | None) -> Any:
    """One split of a data set; of several the one that is asked for.

    Raises:
        UsageError: it cannot be loaded, or the split must be named.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(name, subset)
    # Network, file formats, names: the library raises whatever its parts raise.
    except Exception as error:
        raise UsageError(f"the data set {name} cannot be loaded: {reason(error)}") from error
    splits = list(loaded)
    if split is None and len(splits) == 1:
        return loaded[splits[0]]
    if split not in splits:
        said = f"--split {split}: " if split else ""
        raise UsageError(f"{said}{name} has the splits {', '.join(splits)}: name one with --split")
    return loaded[split]


def _reader(rows: Any, number: int, column: str) -> Callable[[], bytes]:
    def read() -> bytes:
        picture = rows[number][column]
        if picture is None:
            raise UsageError("the row has no picture")
        if picture["bytes"] is not None:
            data: bytes = picture["bytes"]
            return data
        return Path(picture["path"]).read_bytes()

    return read


def as_png(image: Image.Image) -> bytes:
    """The picture as the bytes of a PNG file."""
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()
