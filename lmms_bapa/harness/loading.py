"""Loads a checkpoint by transformers' Auto classes, after checking all that can be checked."""

from __future__ import annotations

import difflib
import importlib.util
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForImageTextToText, BitsAndBytesConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from lmms_bapa.embedded import EMBEDDED, embedded_path
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.checkpoint import Checkpoint
from lmms_bapa.harness.options import LoadOptions
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.processing import load_processor
from lmms_bapa.harness.weight_files import (
    adapter_folder,
    check_attention,
    check_weight_files,
    hub_commit,
    no_safetensors,
)
from lmms_bapa.steering import Architecture, anatomy, check_family, with_options
from lmms_bapa.validation import reason


def locate(pretrained: str, option: str = "pretrained") -> str:
    """Resolves the name of an embedded model, a folder or a hub id.

    Args:
        pretrained: as typed.
        option: behind which of the ``model_args``, for messages.

    Raises:
        UsageError: a folder that is not there, or a misspelt embedded model.
    """
    own = embedded_path(pretrained)
    if own is not None:
        return str(own)
    path = Path(pretrained).expanduser()
    if os.path.isdir(path):
        if not (path / "config.json").is_file():
            raise UsageError(f"{option}={pretrained}: no config.json in that folder")
        return str(path)
    looks_local = pretrained.startswith((".", "/", "~")) or pretrained.count("/") > 1
    if looks_local or os.path.isfile(path):
        raise UsageError(f"{option}={pretrained}: no such folder; give a folder with config.json")
    near = difflib.get_close_matches(pretrained, EMBEDDED, n=1, cutoff=0.6)
    if near or "/" not in pretrained:
        hint = f"did you mean {near[0]}?" if near else f"embedded are {', '.join(EMBEDDED)}"
        raise UsageError(
            f"{option}={pretrained}: unknown model: {hint} (a hub id has the form owner/name)"
        )
    return pretrained


def choose_device(wanted: str | None) -> torch.device:
    """The device asked for, else the best there is.

    Raises:
        UsageError: no such device.
    """
    if wanted is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device={wanted}: not available here ({reason(error)}); try cpu"
        ) from error
    return device


def check_config(options: Checkpoint, preset: Preset, source: str) -> Any:
    """Loads the configuration alone, and refuses what would fail after a long download.

    Raises:
        UsageError: not found, not a vision-language model, or not one of the named adapter.
    """
    remote = options.trust_remote_code
    try:
        config = AutoConfig.from_pretrained(
            source, revision=options.revision, trust_remote_code=remote
        )
    except Exception as error:
        raise UsageError(
            f"{options.named}: cannot be loaded from a folder or the hub ({reason(error)})"
        ) from error
    kind = config.model_type
    if kind not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and not has_own_code(options, config):
        raise UsageError(
            f"{options.named}: {kind} is not an image-text-to-text "
            "model; choose a checkpoint that AutoModelForImageTextToText loads"
        )
    if preset.model_types and kind not in preset.model_types:
        raise UsageError(
            f"{options.named}: {kind} does not fit this adapter, which is for "
            f"{', '.join(preset.model_types)}; use --model hf_bapa"
        )
    return config


def has_own_code(options: Checkpoint, config: Any) -> bool:
    """Whether the model is built by code of its own repository."""
    own = getattr(config, "auto_map", None) or {}
    return options.trust_remote_code and "AutoModelForImageTextToText" in own


def steering_options(options: LoadOptions, config: Any, processor: Any) -> dict[str, Any]:
    """What :func:`lmms_bapa.steering.intervene` needs to know about this model."""
    row = steering_row(options, config)
    return {"architecture": row, "tokenizer": processor.tokenizer}


def steering_row(options: LoadOptions, config: Any) -> Architecture | None:
    """The facts about the model's family, if the user replaced some of the table's."""
    changes = options.architecture_changes
    try:
        return with_options(config, **changes) if changes else None
    except ValueError as error:
        raise UsageError(f"image_unit, image_begin, image_last: {error}") from error


def load_model(
    options: LoadOptions, preset: Preset, device: torch.device, is_steered: bool
) -> tuple[Any, Any]:
    """Loads the model and its processor.

    Args:
        options: what the user asked for.
        preset: the adapter's file.
        device: where the model goes, unless a device map says otherwise.
        is_steered: whether to refuse, before the weights are read, an architecture that the
            interventions cannot reach.

    Returns:
        The model in evaluation mode on its device, and its processor, padding on the left.

    Raises:
        UsageError: see :func:`locate`, :func:`check_config`, :func:`check_weight_files` and
            :func:`load_processor`; or a missing package or PEFT adapter.
    """
    source = locate(options.pretrained)
    extra = weight_options(options, device)
    adapter = None if options.peft is None else adapter_folder(options.peft)
    config = check_config(options, preset, source)
    # One commit for all files; and of a mere branch without safetensors, transformers would ask a
    # service of the hub to convert it.
    revision = hub_commit(source, options.revision) or options.revision
    is_known = is_steered and not has_own_code(options, config)
    if is_known:
        check_family(config, steering_row(options, config))
    check_attention(options, config)
    check_weight_files(options, source, revision)
    processor = load_processor(options, preset, source)
    if is_known:
        with torch.device("meta"):
            empty = AutoModelForImageTextToText.from_config(config)
        anatomy(empty, **steering_options(options, config, processor))
    on_cpu = device.type == "cpu" and options.device_map is None
    dtype = "float32" if options.dtype == "auto" and on_cpu else options.dtype
    try:
        model, found = AutoModelForImageTextToText.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            revision=revision,
            use_safetensors=True,
            trust_remote_code=options.trust_remote_code,
            output_loading_info=True,
            **extra,
        )
    except (ImportError, OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise no_safetensors(options, error) from error
    missing = sorted(found["missing_keys"])
    if missing:  # transformers fills them with random numbers
        raise UsageError(
            f"pretrained={options.pretrained}: {len(missing)} weights are missing, such as "
            f"{missing[0]}: was it saved by another version of transformers?"
        )
    if "device_map" not in extra:
        model = model.to(device)
    if adapter is not None:
        load_peft(model, adapter, f"peft={options.peft}")
    return model.eval(), processor


def weight_options(options: LoadOptions, device: torch.device) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` about where and how the weights are kept.

    Raises:
        UsageError: a package is missing.
    """
    extra: dict[str, Any] = {}
    if options.attn_implementation is not None:
        extra["attn_implementation"] = options.attn_implementation
    if options.device_map is not None:
        extra["device_map"] = options.device_map
    for bits in ("load_in_8bit", "load_in_4bit"):
        if getattr(options, bits):
            _require_package("bitsandbytes", bits)
            extra["quantization_config"] = BitsAndBytesConfig(**{bits: True})
            extra.setdefault("device_map", {"": str(device)})  # quantized weights cannot be moved
    if options.peft is not None:
        _require_package("peft", "peft")
    return extra


def _require_package(name: str, option: str) -> None:
    if importlib.util.find_spec(name) is None:
        raise UsageError(f"{option} needs the package {name}: pip install {name}")


def load_peft(model: Any, folder: Path, name: str) -> None:
    """Puts a PEFT adapter into a model; the model stays of its own class.

    Args:
        model: the base model.
        folder: see :func:`lmms_bapa.harness.weight_files.adapter_folder`.
        name: what the user typed, for the message.

    Raises:
        UsageError: it does not fit.
    """
    try:
        model.load_adapter(str(folder))
    except Exception as error:
        raise UsageError(f"{name}: cannot be loaded onto this model ({reason(error)})") from error
