"""What a file to hand in cannot say of itself, and what it must be made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from lmms_bapa import __version__
from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import ExportFile
from lmms_bapa.export.naming import phrase
from lmms_bapa.export.source import Source
from lmms_bapa.harness.reply import without_control_characters
from lmms_bapa.results.folders import OFF, RunFolder

ABOUT = "about.json"


def model_and_setting(source: Source, run: RunFolder) -> str:
    """What to call the model in a file: with an intervention, by its name and the setting."""
    return source.model_name if run.label == OFF else f"{source.model_name}+{run.label}"


def check_complete(run: RunFolder, task: str, partial: bool) -> None:
    """Refuses a run on a part of the questions, unless that is wanted.

    Raises:
        UsageError: see above.
    """
    asked, of = _counts(run, task)
    if not partial and asked is not None and of is not None and asked < of:
        raise UsageError(
            f"{run.results_file}: {task} was asked {asked} of {of} questions, and a server wants "
            "all: run it without --limit, or add partial=true"
        )


def clean_record(value: Any) -> Any:
    """A record without characters that some formats cannot hold."""
    if isinstance(value, str):
        return without_control_characters(value)
    if isinstance(value, Mapping):
        return {clean_record(key): clean_record(part) for key, part in value.items()}
    return [clean_record(part) for part in value] if isinstance(value, Sequence) else value


def about_file(
    folder: PurePosixPath,
    source: Source,
    run: RunFolder,
    tasks: Sequence[str],
    files: Mapping[str, tuple[bytes, Mapping[str, Any]]],
) -> ExportFile:
    """``about.json``: which model, which intervention, and which files.

    Args:
        folder: where it belongs.
        source: the results.
        run: the setting.
        tasks: those that the files are of.
        files: by name, their bytes and what else is to be said of them.
    """
    interventions = source.interventions(run)
    manifest = source.manifest(run)
    own = "not " if interventions else ""
    versions = run.results.get("versions") or {}
    content = {
        "model": source.model_name,
        "setting": run.label,
        "intervention": phrase(interventions),
        "note": f"what is scored of these files is {own}the model's own score",
        "tasks": {
            task: {
                **dict(zip(("questions", "of"), _counts(run, task), strict=True)),
                "version": versions.get(task),
            }
            for task in tasks
        },
        "date": run.results.get("date"),
        "results": run.results_file.name,
        "lmms_eval": run.results.get("lmms_eval_version"),
        "versions": None if manifest is None else manifest.versions,
        "exported_by": f"lmms-bapa {__version__}",
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), **more}
            for name, (data, more) in files.items()
        },
    }
    return ExportFile.text(folder / ABOUT, json.dumps(content, indent=2, sort_keys=True) + "\n")


def _counts(run: RunFolder, task: str) -> tuple[int | None, int | None]:
    counts = (run.results.get("n-samples") or {}).get(task, {})
    return counts.get("effective"), counts.get("original")
