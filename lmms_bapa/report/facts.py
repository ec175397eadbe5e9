"""What was run, from the manifest or, without one, from the harness's own record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmms_bapa.provenance.manifest import Manifest, read_manifest
from lmms_bapa.results.folders import RunFolder

_SHORT = 16  # digits of a hash that are shown


@dataclass(frozen=True)
class Facts:
    """What was run.

    Attributes:
        rows: heading and text.
        versions: package -> version.
        command: what was typed, if known.
        include: folder of further tasks, if one was given.
        gaps: what is not known.
    """

    rows: list[tuple[str, str]]
    versions: dict[str, str] = field(default_factory=dict)
    command: str | None = None
    include: str | None = None
    gaps: list[str] = field(default_factory=list)


def gather_facts(path: Path, runs: Sequence[RunFolder]) -> Facts:
    """Reads what is there.

    Args:
        path: the folder of a sweep or of a run.
        runs: those found in it.

    Raises:
        UsageError: there is a manifest that cannot be read.
    """
    root = path if path.is_dir() else path.parent
    near = [root, *(run.path for run in runs[:1]), *(run.path.parent for run in runs[:1])]
    for folder in near:
        manifest = read_manifest(folder)
        if manifest is not None:
            return _from_manifest(manifest, runs)
    return _from_results(runs)


def _from_manifest(manifest: Manifest, runs: Sequence[RunFolder]) -> Facts:
    model, hardware = manifest.model, manifest.hardware
    commit = manifest.commit and manifest.commit[:_SHORT] + (" (changed)" if manifest.dirty else "")
    machine = hardware and ", ".join(
        text
        for text in (
            hardware.system,
            hardware.cpu,
            hardware.cores and f"{hardware.cores} cores",
            hardware.memory and f"{hardware.memory / 2**30:.0f} GiB",
            ", ".join(hardware.gpus),
        )
        if text
    )
    seconds = manifest.seconds
    found: list[tuple[str, Any]] = [
        ("Model", model.pretrained),
        ("Architecture", _joined(model.model_type, model.dtype, model.device)),
        ("Back end", _backend(manifest)),
        ("Attention", model.attn_implementation),
        ("Revision", _joined(model.revision, model.commit)),
        ("Weights, SHA-256", model.weights_sha256 and model.weights_sha256[:_SHORT] + "…"),
        ("Adapter", manifest.adapter),
        ("Shared model_args", manifest.model_args if manifest.kind == "sweep" else None),
        *_tasks(runs, manifest),
        ("Limit", manifest.limit),
        ("Batch size", manifest.batch_size),
        ("Processes", manifest.processes),
        ("Seeds", _pairs(manifest.seeds)),
        ("Commit of lmms-bapa", commit),
        ("Hardware", machine),
        ("Time", None if seconds is None else _time(seconds)),
        ("Date", manifest.date),
    ]
    gaps = [f"The settings were not run alike: {text}." for text in manifest.mixed]
    versions = {name: text for name, text in manifest.versions.items() if text}
    return Facts(_known(found), versions, manifest.command, manifest.include, gaps)


def _from_results(runs: Sequence[RunFolder]) -> Facts:
    run = runs[0]
    config = run.results.get("config") or {}
    arguments = config.get("resolved_cli_args") or {}
    seeds = {key: config.get(key) for key in ("random_seed", "numpy_seed", "torch_seed")}
    found: list[tuple[str, Any]] = [
        ("Model", run.model),
        ("Adapter", arguments.get("model") or config.get("model")),
        *_tasks(runs, None),
        ("Limit", config.get("limit")),
        ("Batch size", config.get("batch_size")),
        ("Seeds", _pairs(seeds)),
        ("Date", run.results.get("date")),
    ]
    version = str(run.results.get("lmms_eval_version") or "unknown")
    gap = "There is no manifest, so versions of packages, hardware and command line are not known."
    include = arguments.get("include_path")
    return Facts(
        _known(found),
        {} if "unknown" in version else {"lmms-eval": version},
        include=str(include) if include else None,
        gaps=[gap],
    )


def _tasks(runs: Sequence[RunFolder], manifest: Manifest | None) -> list[tuple[str, Any]]:
    found: dict[str, str] = {}
    for run in runs:
        for task, config in run.results["configs"].items():
            metadata = config.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            shift = metadata.get("shift") or {}
            counts = run.results.get("n-samples", {}).get(task, {})
            parts = [
                counts.get("effective") and f"{counts['effective']:,} questions",
                metadata.get("version") and f"version {metadata['version']}",
                metadata.get("generator") and f"generator {metadata['generator']}",
                metadata.get("base") and f"made from {metadata['base']}",
                isinstance(shift, dict) and shift.get("version") and f"shift {shift['version']}",
            ]
            found[task] = ", ".join(str(part) for part in parts if part)
    asked = [] if manifest is None else manifest.asked
    groups = [name for name in asked if name not in found]
    rows: list[tuple[str, Any]] = [("Groups of tasks", ", ".join(groups))]
    return rows + [(f"Task {name}", text) for name, text in found.items()]


def _backend(manifest: Manifest) -> str | None:
    """What ran the model, where it is not the usual one, and what is known of it."""
    name = manifest.model.backend
    if name == "transformers":
        return None
    engine = (f"{key} {value}" for key, value in (manifest.model.engine or {}).items())
    return _joined(f"{name} {manifest.versions.get(name) or ''}".strip(), *engine)


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{key.removesuffix('_seed')} {value}" for key, value in values.items() if value is not None
    )


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _known(rows: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in rows if value not in (None, "")]
