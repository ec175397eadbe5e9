"""Loads a checkpoint's processor: its options, its chat template, its padding."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError
from loguru import logger
from transformers import AutoProcessor

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.checkpoint import Checkpoint
from lmms_bapa.harness.preset import Preset
from lmms_bapa.validation import nearest, reason

# Parts of a processor, and what the adapter itself decides about its output.
_NOT_OPTIONS = {
    *("self", "args", "kwargs", "chat_template", "tokenizer", "image_processor"),
    *("video_processor", "feature_extractor", "audio_tokenizer", "qformer_tokenizer"),
    *("return_tensors", "data_format", "input_data_format", "device", "disable_grouping"),
    *("image_token", "video_token", "audio_token"),
}

_QUESTION = [{"role": "user", "content": [{"type": "text", "text": ""}]}]


def load_processor(options: Checkpoint, preset: Preset, source: str) -> Any:
    """Loads the processor of a checkpoint.

    Args:
        options: what the user asked for.
        preset: the adapter's file, which may have a template for checkpoints that have none.
        source: a folder or hub id.

    Returns:
        The processor, padding on the left.

    Raises:
        UsageError: it cannot be loaded, does not know an option, or has no chat template.
    """
    common = {"revision": options.revision, "trust_remote_code": options.trust_remote_code}
    try:
        processor = AutoProcessor.from_pretrained(source, **common, **options.processor)
    except Exception as error:
        raise UsageError(
            f"{options.named}: its processor cannot be loaded ({reason(error)})"
        ) from error
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or not hasattr(processor, "apply_chat_template"):
        raise UsageError(
            f"{options.named}: its processor takes no chat messages; use an "
            "instruction-tuned checkpoint"
        )
    known = _known_options(processor)
    for name in options.processor:
        if name not in known:
            kind = type(processor).__name__
            raise UsageError(f"processor_{name}: not an option of {kind}: {nearest(name, known)}")
    _set_template(processor, options, preset)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return processor


def _known_options(processor: Any) -> list[str]:
    """The options that a processor and its image processor take."""
    pictures = getattr(processor, "image_processor", None)
    names = {n for part in (processor, pictures) for n in inspect.signature(type(part)).parameters}
    names |= set(getattr(getattr(pictures, "valid_kwargs", None), "__annotations__", {}))
    return sorted(names - _NOT_OPTIONS)


def _set_template(processor: Any, options: Checkpoint, preset: Preset) -> None:
    if options.chat_template is not None:
        path = Path(options.chat_template).expanduser()
        if not path.is_file():
            raise UsageError(f"chat_template={options.chat_template}: no such file")
        processor.chat_template = _read_template(path, processor.tokenizer)
        return
    own = getattr(processor, "chat_template", None) or processor.tokenizer.chat_template
    if own:
        return
    if preset.fallback_template is None:
        raise UsageError(
            f"{options.named}: its processor has no chat template; use an "
            "instruction-tuned checkpoint, or give one with chat_template=FILE"
        )
    processor.chat_template = preset.fallback_template


def _read_template(path: Path, tokenizer: Any) -> str:
    """A Jinja template that at least parses, with the tags that chat templates have.

    Raises:
        UsageError: it cannot be read, or does not parse.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tokenizer.apply_chat_template(_QUESTION, chat_template=text, tokenize=False)
    except (OSError, UnicodeDecodeError, TemplateSyntaxError) as error:
        raise UsageError(
            f"chat_template={path}: cannot be read as a Jinja template ({reason(error)})"
        ) from error
    except Exception as error:  # of a template that wants other messages: it parses
        logger.debug(f"{path}: {reason(error)}")
    return text
