"""Reads all of a checkpoint but its weights, and refuses what the engine would find out late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig
from transformers.utils import find_adapter_config_file

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.loading import check_config, locate
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.processing import load_processor
from lmms_bapa.harness.vllm.options import VLLMOptions
from lmms_bapa.harness.weight_files import check_weight_files, hub_commit
from lmms_bapa.steering import image_token_id
from lmms_bapa.validation import reason


@dataclass(frozen=True)
class Opened:
    """A checkpoint without its weights.

    Attributes:
        source: folder or hub id.
        revision: the commit behind what the user asked for, if it is known.
        config: the model's configuration.
        processor: the checkpoint's processor, padding on the left.
        generation: what its generation configuration sets, by name.
        image_token: id of the image token, or None if it is not known.
    """

    source: str
    revision: str | None
    config: Any
    processor: Any
    generation: dict[str, Any]
    image_token: int | None


def check_checkpoint(options: VLLMOptions, preset: Preset) -> tuple[str, Any]:
    """Where a checkpoint is, and its configuration.

    Raises:
        UsageError: see :func:`lmms_bapa.harness.loading.locate` and
            :func:`lmms_bapa.harness.loading.check_config`; or it is a PEFT adapter.
    """
    source = locate(options.model, "model")
    if find_adapter_config_file(source, revision=options.revision) is not None:
        raise UsageError(
            f"{options.named}: is a PEFT adapter: merge it into its base model, or use "
            "--model hf_bapa with peft="
        )
    return source, check_config(options, preset, source)


def open_checkpoint(options: VLLMOptions, preset: Preset) -> Opened:
    """Reads a checkpoint up to its weights.

    Raises:
        UsageError: see :func:`check_checkpoint`,
            :func:`lmms_bapa.harness.weight_files.check_weight_files` and
            :func:`lmms_bapa.harness.processing.load_processor`.
    """
    source, config = check_checkpoint(options, preset)
    # One commit for all files.
    revision = hub_commit(source, options.revision) or options.revision
    check_weight_files(options, source, revision)
    return Opened(
        source=source,
        revision=revision,
        config=config,
        processor=load_processor(options, preset, source),
        generation=_generation(options, source, revision, config),
        image_token=image_token_id(config),
    )


def _generation(
    options: VLLMOptions, source: str, revision: str | None, config: Any
) -> dict[str, Any]:
    """The generation configuration that a loaded model would have."""
    try:
        found = GenerationConfig.from_pretrained(source, revision=revision)
    except OSError:  # there is none: transformers takes what the model's configuration says
        found = GenerationConfig.from_model_config(config)
    except Exception as error:
        raise UsageError(
            f"{options.named}: its generation_config.json cannot be read ({reason(error)})"
        ) from error
    return {name: value for name, value in found.to_dict().items() if value is not None}
