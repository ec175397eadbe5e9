"""Captioned pictures on disk, as users have them, for tests of probes made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lmms_eval.tasks import TaskManager
from PIL import Image
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.harness.discovery import register_tasks
from lmms_bapa.probes.canvas import compose
from lmms_bapa.probes.pictures import draw_picture
from lmms_bapa.probes.vocabulary import captions

register_tasks()

POSITIONS = "top_left top_center top_right left center right bottom_left bottom_center bottom_right"


def drawn_pictures(folder: Path, count: int = 12, side: int = 64) -> Path:
    """A folder of drawn pictures of several shapes and formats; returns the list beside it."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    names = captions()[:: max(1, 96 // count)][:count]
    rows = []
    for number, name in enumerate(names):
        image = draw_picture(name, number, side)
        if number % 3 == 1:  # wide: the drawing on a white sheet
            sheet = Image.new("RGB", (side * 3 // 2, side), "white")
            sheet.paste(image, (side // 4, 0))
            image = sheet
        file = f"{name.replace(' ', '-')}{('.png', '.jpg', '.webp')[number % 3]}"
        image.save(pictures / file, quality=95)
        rows.append({"file_name": file, "caption": name})
    listed = folder / "captions.jsonl"
    listed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return listed


def laion_rows(groups: int) -> list[dict[str, Any]]:
    """Rows of the published probe's form, about our drawings."""
    names = captions()
    rows = []
    for group in range(groups):
        key = names[(7 * group) % len(names)]
        for cell, position in enumerate(POSITIONS.split()):
            number = f"{group + 19920000:09d}"
            rows.append(
                {
                    "id": number,
                    "image": f"{number}_{cell}.jpg",
                    "caption": key,
                    "position": position,
                    "answer": "Yes",
                }
            )
    return rows


def laion_canvas(row: dict[str, Any], canvas: int = 840) -> Image.Image:
    """The canvas of a row: the distractors keep their order and make room for the key."""
    names = captions()
    start, cell = names.index(row["caption"]), POSITIONS.split().index(row["position"])
    others = [names[(start + 11 * i) % len(names)] for i in range(1, 9)]
    tiles = [*others[:cell], row["caption"], *others[cell:]]
    return compose(tuple(tiles), tuple(map(names.index, tiles)), 3, canvas)


def laion_copy(folder: Path, groups: int = 2, canvas: int = 96) -> tuple[Path, Path]:
    """A local copy of such a probe: its JSON, and the folder of its canvases."""
    images = folder / "laion_840_840"
    images.mkdir(parents=True)
    rows = laion_rows(groups)
    for row in rows:
        laion_canvas(row, canvas).save(images / row["image"], quality=92)
    listed = folder / "laion_bias_test.json"
    listed.write_text(json.dumps(rows))
    return listed, images


def probe(*arguments: str | Path) -> Any:
    """The result of the command ``lmms-bapa probe``."""
    return CliRunner().invoke(app, ["probe", *map(str, arguments)])


def take_in(listed: Path, images: Path, output: Path) -> Any:
    """The result of ``lmms-bapa probe import-laion``."""
    return probe("import-laion", "--json", listed, "--images", images, "--output", output)


def manager(folder: Path | None = None) -> TaskManager:
    """A task manager that knows our tasks and those in a folder."""
    return TaskManager(include_path=str(folder) if folder else None, include_defaults=False)
