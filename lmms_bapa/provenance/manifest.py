"""The manifest of a run's folder: what is needed to run it again, and to know that it is the same.

There is no user name, no environment variable and no secret in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.provenance.fingerprints import answers_digest
from lmms_bapa.provenance.manifest_format import (
    SCHEMA_VERSION,
    Manifest,
    ModelFacts,
    Outcome,
    TaskFacts,
    differences,
    label,
)
from lmms_bapa.provenance.surroundings import (
    command_line,
    commit,
    hardware,
    sources_digest,
    versions,
)
from lmms_bapa.validation import one_line
from lmms_bapa.whole_file import write_whole

if TYPE_CHECKING:
    from lmms_bapa.harness.live import LiveAdapter

__all__ = [
    "NAME",
    "SCHEMA_VERSION",
    "Manifest",
    "ModelFacts",
    "Outcome",
    "TaskFacts",
    "combine",
    "differences",
    "gather",
    "label",
    "read_manifest",
    "task_facts",
    "write_manifest",
]

NAME = "manifest.json"
SEEDS = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")


def gather(
    adapter: LiveAdapter,
    results: Mapping[str, Any],
    samples: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    *,
    settings: Mapping[str, Any] | None = None,
    model_args: str | None = None,
    asked: Sequence[str] | None = None,
    include: Path | str | None = None,
    seconds: float | None = None,
) -> Manifest:
    """The manifest of one setting, right after it was evaluated and while the model is loaded.

    Args:
        adapter: the loaded model.
        results: what the harness's evaluator returned, or the results JSON.
        samples: its samples by task, or the lines of the sample logs; None if there are none.
        settings: the options of the interventions; empty for the stock model.
        model_args: as a separate command would have them; default: those in ``results``.
        asked: the names after ``--tasks``; default: the tasks that were evaluated.
        include: the folder after ``--include_path``, as typed.
        seconds: how long the setting took.
    """
    from lmms_bapa.provenance.model_facts import adapter_name, model_facts

    config = results["config"]
    chosen = {key: _text(value) for key, value in sorted((settings or {}).items())}
    outcome = Outcome(
        settings=chosen,
        answers=sum(map(len, samples.values())) if samples else 0,
        answers_sha256=answers_digest(samples) if samples else None,
        seconds=seconds,
    )
    found, is_dirty = commit()
    return Manifest(
        kind="setting",
        date=_now(),
        command=command_line(),
        versions=versions(adapter.backend),
        commit=found,
        dirty=is_dirty,
        sources_sha256=sources_digest(),
        hardware=hardware(),
        adapter=adapter_name(adapter),
        model_args=config["model_args"] if model_args is None else model_args,
        model=model_facts(adapter),
        asked=list(asked or results["configs"]),
        include=None if include is None else str(include),
        tasks=task_facts(results),
        limit=config.get("limit"),
        gen_kwargs=config.get("gen_kwargs") or None,
        batch_size=adapter.batch_size,
        processes=adapter.world_size,
        seeds={name: config.get(name) for name in SEEDS},
        outcomes={label(chosen): outcome},
    )


def combine(parts: Iterable[Manifest], model_args: str | None = None) -> Manifest:
    """The manifest of a sweep, from those of its settings.

    Args:
        parts: at least one, the stock setting first; also those of an earlier, interrupted run.
        model_args: what all settings share; default: those of the first.
    """
    first, *others = parts
    mixed = dict.fromkeys(text for other in others for text in differences(first, other))
    outcomes = {name: o for part in (first, *others) for name, o in part.outcomes.items()}
    return first.model_copy(
        update={
            "kind": "sweep",
            "date": _now(),
            "command": command_line(),
            "model_args": first.model_args if model_args is None else model_args,
            "outcomes": outcomes,
            "mixed": list(mixed),
        }
    )


def task_facts(results: Mapping[str, Any]) -> dict[str, TaskFacts]:
    """What a results JSON says of its tasks."""
    versions, hashes = results.get("versions", {}), results.get("task_hashes", {})
    counts = results.get("n-samples", {})
    return {
        task: TaskFacts(
            version=versions.get(task),
            metadata=config.get("metadata") if isinstance(config, dict) else None,
            documents=counts.get(task, {}),
            hash=hashes.get(task),
        )
        for task, config in results["configs"].items()
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Writes ``manifest.json``, whole or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = folder / NAME
    write_whole(path, manifest.model_dump_json(indent=2) + "\n")
    return path


def read_manifest(folder: Path) -> Manifest | None:
    """Reads ``manifest.json`` of a folder.

    Returns:
        The manifest, or None if there is none.

    Raises:
        UsageError: it cannot be read, or a newer version wrote it.
    """
    path = folder / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"{path}: not a manifest ({one_line(error, Manifest)})") from error
    if manifest.schema_version > SCHEMA_VERSION:
        raise UsageError(
            f"{path}: schema version {manifest.schema_version}, this version knows up to "
            f"{SCHEMA_VERSION}: install a newer lmms-bapa"
        )
    return manifest
