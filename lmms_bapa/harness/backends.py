"""What differs between the back ends before anything is loaded: whose ``model_args`` these are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmms_bapa.harness.options import (
    PIXEL_LIMITS,
    LoadOptions,
    intervention_options,
    parse_options,
)
from lmms_bapa.harness.preset import Backend, Preset, load_preset
from lmms_bapa.harness.presets import preset_names, preset_path

# Behind which of the model_args the checkpoint stands.
CHECKPOINT: Mapping[Backend, str] = {"transformers": "pretrained", "vllm": "model"}
# The adapter for any family, and its class as the harness records one that was made in Python.
GENERAL: Mapping[Backend, str] = {"transformers": "hf_bapa", "vllm": "vllm_bapa"}
CLASSES = {"HFBapa": "hf_bapa", "VLLMBapa": "vllm_bapa"}


def backend_of(adapter: str) -> Backend | None:
    """The back end of an adapter of ours by its name; None of any other."""
    return load_preset(preset_path(adapter)).backend if adapter in preset_names() else None


def checkpoint_option(adapter: str) -> str:
    """Which of an adapter's ``model_args`` names the checkpoint."""
    return CHECKPOINT[backend_of(adapter) or "transformers"]


def loading_options(preset: Preset) -> list[str]:
    """The other ``model_args`` of an adapter."""
    if preset.backend == "vllm":
        from lmms_bapa.harness.vllm.options import known_options

        own = intervention_options()
        return [name for name in known_options() if name not in own]
    return [*LoadOptions.model_fields, *PIXEL_LIMITS]


def parse_for(preset: Preset, given: Mapping[str, Any]) -> Any:
    """Checks ``model_args`` by the rules of an adapter's back end.

    Args:
        preset: the adapter's file.
        given: what the user wrote.

    Returns:
        What has ``load``, the loading options, and ``interventions``.

    Raises:
        UsageError: see :func:`lmms_bapa.harness.options.parse_options`.
    """
    if preset.backend == "vllm":
        from lmms_bapa.harness.vllm.options import parse_options as parse

        return parse(given, preset.model_args)
    return parse_options(given, preset.model_args)


def require_backend(preset: Preset) -> None:
    """Refuses an adapter whose back end is not installed, or not in a version that we know.

    Raises:
        UsageError: it is not.
    """
    if preset.backend == "vllm":
        from lmms_bapa.harness.vllm.installed import require_vllm

        require_vllm()
