"""What a loaded model says of itself, and its files on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache

from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.loading import locate
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.harness.weight_files import hub_commit
from lmms_bapa.provenance.fingerprints import processor_digest, text_digest, weights_digest
from lmms_bapa.provenance.manifest_format import ModelFacts


def adapter_name(adapter: HFBapa) -> str:
    """The ``--model`` that gives this adapter."""
    name = type(adapter).__name__
    return name if name in preset_names() else "hf_bapa"


def checkpoint_folder(pretrained: str, revision: str | None = None) -> Path | None:
    """Where the files of a checkpoint are: a folder, or a snapshot in the cache of the hub.

    No network is used.
    """
    source = locate(pretrained)
    if Path(source).is_dir():
        return Path(source)
    found = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def model_facts(adapter: HFBapa) -> ModelFacts:
    """The checkpoint behind an adapter, and how it was loaded."""
    options, config = adapter.options, adapter.model.config
    commit = hub_commit(locate(options.pretrained), options.revision)
    folder = checkpoint_folder(options.pretrained, commit or options.revision)
    peft = None
    if options.peft is not None:
        path = Path(options.peft).expanduser()
        place = path if path.is_dir() else _cached(options.peft)
        peft = None if place is None else weights_digest(place)
    return ModelFacts(
        pretrained=options.pretrained,
        revision=options.revision,
        commit=commit,
        model_type=config.model_type,
        weights_sha256=None if folder is None else weights_digest(folder),
        peft_sha256=peft,
        processor_sha256=None if folder is None else processor_digest(folder),
        chat_template_sha256=_template_digest(adapter),
        dtype=str(adapter.model.dtype).removeprefix("torch."),
        device=str(adapter.device),
        attn_implementation=getattr(config, "_attn_implementation", None),
        threads=torch.get_num_threads() if adapter.device.type == "cpu" else None,
    )


def _cached(name: str) -> Path | None:
    found = try_to_load_from_cache(name, "adapter_config.json")
    return Path(found).parent if isinstance(found, str) else None


def _template_digest(adapter: HFBapa) -> str | None:
    template = getattr(adapter.processor, "chat_template", None)
    template = template or getattr(adapter.tokenizer, "chat_template", None)
    return text_digest(template) if isinstance(template, str) else None
