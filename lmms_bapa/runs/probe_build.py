"""Builds a probe of somebody's pictures: reads, plans, and writes a folder that runs as a task."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.folder import (
    DOCUMENTS,
    PICTURES,
    Manifest,
    check_vacant,
    dump_lines,
    fact,
    new_folder,
    seal,
)
from lmms_bapa.probes.captioned.items import Candidate, Item, collect
from lmms_bapa.probes.captioned.plan import check_enough, plan_captioned
from lmms_bapa.probes.captioned.spec import CAPTIONED_VERSION, CaptionedSpec
from lmms_bapa.resources import folder
from lmms_bapa.validation import reason

TASK_CLASS = "lmms_bapa.harness.captioned_task.CaptionedProbe"


@dataclass(frozen=True)
class Built:
    """What was made.

    Attributes:
        questions: their number.
        pictures: the number of pictures in the folder.
        remarks: what the user should know, a line each.
    """

    questions: int
    pictures: int
    remarks: list[str]


def check_target(output: Path, name: str) -> None:
    """Refuses a task's name or a folder that cannot be used, before any long work.

    Raises:
        UsageError: the folder has something in it; the name is not plain, or a task has it
            already: the harness would run that one.
    """
    check_vacant(output)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageError(f"--name {name}: use letters, digits, _ and - only")
    places = [folder("tasks")]
    harness = importlib.util.find_spec("lmms_eval")
    if harness is not None and harness.submodule_search_locations:
        places.append(Path(harness.submodule_search_locations[0]) / "tasks")
    line = re.compile(rf"^(task|group|tag):\s*[\"']?{re.escape(name)}[\"']?\s*$", re.MULTILINE)
    for place in places:
        for file in place.rglob("*.yaml"):
            if line.search(file.read_text(encoding="utf-8", errors="replace")):
                raise UsageError(f"--name {name}: there is a task of that name; choose another")


def build(
    found: tuple[Sequence[Candidate], Sequence[str]],
    spec: CaptionedSpec,
    output: Path,
    name: str,
    progress: Progress,
) -> Built:
    """Builds the probe. The same pictures, captions and specification give the same bytes.

    Args:
        found: candidates in their order, and remarks on what was left out before.
        spec: what is asked.
        output: the folder to make; written whole or not at all.
        name: of the task.
        progress: shows how far it is.

    Raises:
        UsageError: pictures or captions that cannot be used, or too few of them; or the folder
            cannot be written.
    """
    candidates, remarks = found
    total = len(candidates)
    items, more = collect(progress.track(candidates, total=total, description="reading pictures"))
    check_enough(items, spec)
    questions = list(plan_captioned(items, spec))
    shown = sorted({number for question in questions for number in question["pictures"]})
    names = {number: f"{i:05d}{items[number].suffix}" for i, number in enumerate(shown)}
    for question in questions:
        question["pictures"] = [names[number] for number in question["pictures"]]
    with new_folder(output) as made:
        known = {}
        for number in progress.track(shown, description="writing pictures"):
            item = items[number]
            data = _read_again(item)
            (made / PICTURES / names[number]).write_bytes(data)
            known[names[number]] = fact(data, caption=item.caption, source=item.name)
        lines = dump_lines(questions)
        (made / DOCUMENTS).write_bytes(lines)
        manifest = Manifest(
            kind="captioned",
            generator=CAPTIONED_VERSION,
            specification=spec.model_dump(),
            documents=fact(lines),
            questions=len(questions),
            pictures=known,
        )
        seal(made, manifest, name, TASK_CLASS)
    told = [*remarks, *more, *_remarks(items, spec, len(shown))]
    return Built(len(questions), len(shown), told)


def _read_again(item: Item) -> bytes:
    """The bytes that were checked; keeping those of all pictures could fill the memory."""
    try:
        data = item.read()
    except OSError as error:
        raise UsageError(f"{item.name}: {reason(error)}") from error
    if hashlib.sha256(data).hexdigest() != item.sha256:
        raise UsageError(f"{item.name}: it changed while the probe was being built; start again")
    return data


def _remarks(items: Sequence[Item], spec: CaptionedSpec, shown: int) -> list[str]:
    remarks = []
    namesakes = len(items) - len({item.wording for item in items})
    if namesakes:
        remarks.append(f"{namesakes} pictures share a caption with another; they never meet")
    if spec.groups > len(items):
        remarks.append(f"{spec.groups} groups, {len(items)} pictures: some are the key repeatedly")
    if shown < len(items):
        remarks.append(f"{len(items) - shown} pictures are on no canvas, and were not copied")
    return remarks
