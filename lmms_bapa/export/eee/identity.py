"""Who a record is about: the model, what was done to it, and ids that a second export repeats."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.export.source import Source, folder_name
from lmms_bapa.results.folders import OFF, RunFolder
from lmms_bapa.results.moment import moment

DEVELOPER = "lmms-bapa"  # of the embedded models
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class Identity:
    """The names and ids of one record.

    Attributes:
        base: ``developer/model`` of the checkpoint.
        model: the same with the setting behind it: ``developer/model+agci_lambda=0.3``.
        evaluation: ``evaluation_id``.
        moment: when the run ended, in seconds since 1970, UTC.
        file: name of both files, a UUID of version 4 that is derived, not drawn.
        folder: where they belong.
    """

    base: str
    model: str
    evaluation: str
    moment: int
    file: str
    folder: PurePosixPath

    @property
    def record(self) -> PurePosixPath:
        """Path of the aggregate record."""
        return self.folder / f"{self.file}.json"

    @property
    def samples(self) -> PurePosixPath:
        """Path of the samples beside it."""
        return self.folder / f"{self.file}_samples.jsonl"


def identify(
    source: Source, run: RunFolder, task: str, model: str | None, collection: str | None
) -> Identity:
    """Names one record.

    Args:
        source: the results.
        run: the setting.
        task: one of its tasks.
        model: ``developer/model``, if the user names it.
        collection: the folder below ``data``; None: the task's name.

    Raises:
        UsageError: the model has no public name, or the run no date.
    """
    base = base_model(source, run) if model is None else model
    steered = base if run.label == OFF else f"{base}+{_setting(run)}"
    ended = int(moment(run).timestamp())
    place = portable(collection or folder_name(task), "collection")
    evaluation = f"{folder_name(task)}/{steered.replace('/', '_')}/{ended}"
    facts = [evaluation, task, run.options, (run.results.get("task_hashes") or {}).get(task)]
    return Identity(
        base=base,
        model=steered,
        evaluation=evaluation,
        moment=ended,
        file=_uuid(facts),
        folder=PurePosixPath("data", place, *steered.split("/")),
    )


def base_model(source: Source, run: RunFolder) -> str:
    """``developer/model`` of the checkpoint, as far as it is known.

    Raises:
        UsageError: it is a folder, has no developer, or an adapter of PEFT on top.
    """
    name = run.model
    if run.options.get("peft"):
        raise UsageError(
            f"{Path(name).name} with a PEFT adapter is another model than the one it is made from: "
            "name it: model=developer/name"
        )
    if name in EMBEDDED:
        return f"{DEVELOPER}/{name}"
    manifest = source.manifest(run)
    is_folder = Path(name).expanduser().exists() or (
        manifest is not None and manifest.model.commit is None
    )
    if is_folder or not _HUB_ID.fullmatch(name):
        what = "a folder" if is_folder else "no name of the form developer/name"
        raise UsageError(
            f"{Path(name).name or 'the model'} is {what}: name the model for the public record: "
            "model=developer/name"
        )
    return name


def model_name(text: str) -> str:
    """Checks a ``developer/name`` that was typed.

    Raises:
        UsageError: it has another form.
    """
    if not _HUB_ID.fullmatch(text):
        raise UsageError(f"model={text}: should be developer/name, such as my-lab/my-model")
    return "/".join(portable(part, "model") for part in text.split("/"))


def portable(text: str, what: str) -> str:
    """Checks a name of a folder as the data store takes it.

    Raises:
        UsageError: it is reserved, or has characters that are not portable.
    """
    is_name = re.fullmatch(r"[\w.,=+-]*[\w,=+-]", text, re.ASCII) is not None
    reserved = {"data", "unknown", *_RESERVED}
    if not is_name or text.lower().split(".", 1)[0] in reserved or text.startswith("."):
        raise UsageError(
            f"{what}={text}: should be of letters, digits and . _ -, not begin or end with a "
            "point, and not be data or unknown"
        )
    return text


def _setting(run: RunFolder) -> str:
    name = folder_name(run.label)
    return f"{name}0" if name.endswith(".") else name  # as in agci_lambda=1.


def _uuid(facts: Any) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
