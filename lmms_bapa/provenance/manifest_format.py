"""What a manifest holds. What is not known is None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lmms_bapa.provenance.surroundings import Hardware

SCHEMA_VERSION = 1


class ModelFacts(BaseModel):
    """The checkpoint, and how it was loaded.

    Attributes:
        pretrained: as typed.
        revision: as typed.
        commit: of the hub, that the revision stood for.
        backend: what ran the model; manifests from before there was a choice do not tell it.
        model_type: architecture, as in its configuration.
        weights_sha256: see :func:`lmms_bapa.provenance.fingerprints.weights_digest`.
        peft_sha256: the same of a PEFT adapter on top.
        processor_sha256: tokenizer, image processor and chat template, as files.
        chat_template_sha256: the template in force, whoever gave it.
        dtype: of the weights in memory.
        device: where they were.
        attn_implementation: which attention was used.
        threads: of torch on the CPU.
        engine: further facts of the back end that answers may depend on.
    """

    model_config = ConfigDict(protected_namespaces=())

    pretrained: str
    revision: str | None = None
    commit: str | None = None
    backend: str = "transformers"
    model_type: str | None = None
    weights_sha256: str | None = None
    peft_sha256: str | None = None
    processor_sha256: str | None = None
    chat_template_sha256: str | None = None
    dtype: str | None = None
    device: str | None = None
    attn_implementation: str | None = None
    threads: int | None = None
    engine: dict[str, str] | None = None


class TaskFacts(BaseModel):
    """One task.

    Attributes:
        version: its YAML's.
        metadata: its YAML's, with the versions of generator and shift.
        documents: how many there are, and how many were asked.
        hash: the harness's, over its documents; only where samples were logged.
    """

    version: str | float | int | None = None
    metadata: Any = None
    documents: dict[str, int] = {}
    hash: str | None = None


class Outcome(BaseModel):
    """What one setting gave.

    Attributes:
        settings: options of its interventions; none for the stock model.
        answers: how many.
        answers_sha256: see :func:`lmms_bapa.provenance.fingerprints.answers_digest`.
        seconds: how long it took.
    """

    settings: dict[str, str] = {}
    answers: int = 0
    answers_sha256: str | None = None
    seconds: float | None = None


class Manifest(BaseModel):
    """Of one setting, or of a whole sweep.

    Attributes:
        schema_version: of this format.
        kind: ``setting`` or ``sweep``.
        date: when it was written, UTC.
        command: what was typed, without secrets.
        versions: of Python and packages.
        commit: of the checkout of this package, if it ran from one.
        dirty: whether its files differed from that commit.
        sources_sha256: see :func:`lmms_bapa.provenance.surroundings.sources_digest`.
        hardware: the machine.
        adapter: the ``--model``.
        model_args: of the setting as a separate command would have them; of a sweep, those that
            all settings share.
        model: the checkpoint.
        asked: the ``--tasks``, groups as such.
        include: the ``--include_path``.
        tasks: what they stood for.
        limit: as typed.
        gen_kwargs: as typed.
        batch_size: questions per forward pass.
        processes: data-parallel ones.
        seeds: the harness's.
        outcomes: by setting, ``off`` or for instance ``agci_lambda=0.3,bapa=true``.
        mixed: what differed between the settings of a sweep, see :func:`differences`.
    """

    model_config = ConfigDict(protected_namespaces=())

    schema_version: int = SCHEMA_VERSION
    kind: Literal["setting", "sweep"]
    date: str
    command: str | None = None
    versions: dict[str, str | None] = {}
    commit: str | None = None
    dirty: bool | None = None
    sources_sha256: str | None = None
    hardware: Hardware | None = None
    adapter: str | None = None
    model_args: str
    model: ModelFacts
    asked: list[str]
    include: str | None = None
    tasks: dict[str, TaskFacts] = {}
    limit: float | int | None = None
    gen_kwargs: str | dict[str, Any] | None = None
    batch_size: int | None = None
    processes: int | None = None
    seeds: dict[str, int | None] = {}
    outcomes: dict[str, Outcome] = {}
    mixed: list[str] = []

    @property
    def seconds(self) -> float | None:
        """How long all of it took, or None if one part is not known."""
        parts = [outcome.seconds for outcome in self.outcomes.values()]
        known = [seconds for seconds in parts if seconds is not None]
        return sum(known) if parts and len(known) == len(parts) else None


def label(settings: Mapping[str, str]) -> str:
    """The name of a setting: ``off``, or its options in order of their names."""
    return ",".join(f"{key}={value}" for key, value in sorted(settings.items())) or "off"


def differences(first: Manifest, second: Manifest) -> list[str]:
    """What may make answers differ, apart from the settings: one short text each.

    What one of the two does not know is no difference, nor is another commit of the same sources.
    """
    told = _changes("", first.versions, second.versions)
    known = first.sources_sha256 and second.sources_sha256
    code = ("sources_sha256",) if known else ("commit", "dirty")
    for name in (*code, "limit", "gen_kwargs", "batch_size", "processes"):
        told += _changes("", {name: getattr(first, name)}, {name: getattr(second, name)})
    models = [one.model.model_dump(exclude={"engine"}) for one in (first, second)]
    told += _changes("model ", *models)
    told += _changes("engine ", first.model.engine or {}, second.model.engine or {})
    for kind in ("cpu", "gpus"):
        told += _changes("", {kind: _of(first, kind)}, {kind: _of(second, kind)})
    for task in first.tasks.keys() & second.tasks.keys():
        facts = first.tasks[task].model_dump(), second.tasks[task].model_dump()
        told += _changes(f"{task} ", *facts)
    return told + _changes("", first.seeds, second.seeds)


def _of(manifest: Manifest, kind: str) -> Any:
    return None if manifest.hardware is None else getattr(manifest.hardware, kind)


def _changes(of: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    both = [(key, first[key], second[key]) for key in first if key in second]
    return [
        f"{of}{key}: {_short(old)} and now {_short(new)}"
        for key, old, new in both
        if old != new and old is not None and new is not None
    ]


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 and text.isalnum() else text
