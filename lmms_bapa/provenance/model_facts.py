"""What a loaded model says of itself, and its files on disk."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from lmms_bapa.harness.backends import GENERAL
from lmms_bapa.harness.live import LiveAdapter
from lmms_bapa.harness.loading import locate
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.harness.weight_files import hub_commit
from lmms_bapa.provenance.fingerprints import processor_digest, text_digest, weights_digest
from lmms_bapa.provenance.manifest_format import ModelFacts


def adapter_name(adapter: LiveAdapter) -> str:
    """The ``--model`` that gives this adapter."""
    name = type(adapter).__name__
    return name if name in preset_names() else GENERAL[adapter.backend]


def checkpoint_folder(pretrained: str, revision: str | None = None) -> Path | None:
    """Where the files of a checkpoint are: a folder, or a snapshot in the cache of the hub.

    No network is used.
    """
    source = locate(pretrained)
    if Path(source).is_dir():
        return Path(source)
    found = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def model_facts(adapter: LiveAdapter) -> ModelFacts:
    """The checkpoint behind an adapter, and how it was loaded."""
    options, told = adapter.options, adapter.facts()
    commit = hub_commit(locate(options.pretrained), options.revision)
    folder = checkpoint_folder(options.pretrained, commit or options.revision)
    peft = None
    if told.peft is not None:
        path = Path(told.peft).expanduser()
        place = path if path.is_dir() else _cached(told.peft)
        peft = None if place is None else weights_digest(place)
    template = told.chat_template
    return ModelFacts(
        pretrained=options.pretrained,
        revision=options.revision,
        commit=commit,
        backend=adapter.backend,
        model_type=told.model_type,
        weights_sha256=None if folder is None else weights_digest(folder),
        peft_sha256=peft,
        processor_sha256=None if folder is None else processor_digest(folder),
        chat_template_sha256=None if template is None else text_digest(template),
        dtype=told.dtype,
        device=told.device,
        attn_implementation=told.attn_implementation,
        threads=told.threads,
        engine=dict(told.engine) or None,
    )


def _cached(name: str) -> Path | None:
    found = try_to_load_from_cache(name, "adapter_config.json")
    return Path(found).parent if isinstance(found, str) else None
