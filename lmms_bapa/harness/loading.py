"""Loads a checkpoint by transformers' Auto classes, after checking all that can be checked."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from lmms_bapa.embedded import EMBEDDED, embedded_path
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.options import LoadOptions
from lmms_bapa.steering import anatomy


def locate(pretrained: str) -> str:
    """Resolves the name of an embedded model, a folder or a hub id.

    Raises:
        UsageError: a folder that is not there, or a misspelt embedded model.
    """
    own = embedded_path(pretrained)
    if own is not None:
        return str(own)
    path = Path(pretrained).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UsageError(f"pretrained={pretrained}: no config.json in that folder")
        return str(path)
    looks_local = pretrained.startswith((".", "/", "~")) or pretrained.count("/") > 1
    if looks_local or path.is_file():
        raise UsageError(f"pretrained={pretrained}: no such folder; give a folder with config.json")
    near = difflib.get_close_matches(pretrained, EMBEDDED, n=1, cutoff=0.6)
    if near or "/" not in pretrained:
        hint = f"did you mean {near[0]}?" if near else f"embedded are {', '.join(EMBEDDED)}"
        raise UsageError(
            f"pretrained={pretrained}: unknown model: {hint} (a hub id has the form owner/name)"
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
        reason = str(error).splitlines()[0]
        raise UsageError(f"device={wanted}: not available here ({reason}); try cpu") from error
    return device


def check_config(options: LoadOptions, source: str, is_steered: bool) -> Any:
    """Loads the configuration alone, and refuses what would fail after a long download.

    Raises:
        UsageError: not found, not a vision-language model, or (``is_steered``) an architecture
            that the interventions cannot reach.
    """
    remote = options.trust_remote_code
    try:
        config = AutoConfig.from_pretrained(
            source, revision=options.revision, trust_remote_code=remote
        )
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"pretrained={options.pretrained}: cannot be loaded from a folder or the hub ({reason})"
        ) from error
    has_own_code = remote and "AutoModelForImageTextToText" in getattr(config, "auto_map", {})
    if config.model_type not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and not has_own_code:
        raise UsageError(
            f"pretrained={options.pretrained}: {config.model_type} is not an image-text-to-text "
            "model; choose a checkpoint that AutoModelForImageTextToText loads"
        )
    if is_steered and not has_own_code:
        with torch.device("meta"):
            anatomy(AutoModelForImageTextToText.from_config(config))
    return config


def load_model(options: LoadOptions, device: torch.device, is_steered: bool) -> tuple[Any, Any]:
    """Loads the model and its processor.

    Returns:
        The model in evaluation mode on its device, and its processor, padding on the left.

    Raises:
        UsageError: see :func:`locate` and :func:`check_config`; or no chat template.
    """
    source = locate(options.pretrained)
    config = check_config(options, source, is_steered)
    common = {"revision": options.revision, "trust_remote_code": options.trust_remote_code}
    processor = AutoProcessor.from_pretrained(source, **common)
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or not hasattr(processor, "apply_chat_template"):
        raise UsageError(f"pretrained={options.pretrained}: its processor takes no chat messages")
    if not (getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None)):
        raise UsageError(
            f"pretrained={options.pretrained}: its processor has no chat template; use an "
            "instruction-tuned checkpoint, or save a chat_template.jinja into its folder"
        )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    on_cpu = device.type == "cpu" and options.device_map is None
    dtype = "float32" if options.dtype == "auto" and on_cpu else options.dtype
    extra: dict[str, Any] = {}
    if options.attn_implementation is not None:
        extra["attn_implementation"] = options.attn_implementation
    if options.device_map is not None:
        extra["device_map"] = options.device_map
    model = AutoModelForImageTextToText.from_pretrained(
        source, config=config, dtype=dtype, **common, **extra
    )
    if options.device_map is None:
        model = model.to(device)
    return model.eval(), processor
