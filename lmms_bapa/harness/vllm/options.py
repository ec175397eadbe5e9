"""``model_args`` of the vLLM adapter: the harness's own names, any of the engine, interventions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.options import (
    PIXEL_LIMITS,
    PREFIX,
    build_interventions,
    intervention_options,
    processor_options,
    switch,
)
from lmms_bapa.harness.vllm.installed import engine_options, engine_switches
from lmms_bapa.interventions import Intervention
from lmms_bapa.validation import nearest, one_line


class VLLMOptions(BaseModel):
    """How the engine is started, and how it is asked.

    Attributes:
        model: hub id, folder, or the name of an embedded model such as ``micro-llava``.
        revision: branch, tag or commit on the hub.
        dtype: ``auto`` is the checkpoint's own on an accelerator and float32 on a CPU.
        tensor_parallel_size: GPUs that share one model.
        gpu_memory_utilization: share of the GPU's memory for weights and caches.
        max_model_len: longest prompt with its reply; default: what the checkpoint says.
        batch_size: questions handed to the engine at once; it schedules them itself.
        max_new_tokens: length of a reply where the task does not limit it.
        chat_template: file of a Jinja template that replaces the checkpoint's own.
        processor: options of the checkpoint's processor; on the command line one by one, as
            ``max_pixels=...``, ``min_pixels=...`` or ``processor_<name>=...``.
        trust_remote_code: runs code from the checkpoint's repository; off unless asked for.
        disable_log_stats: without the engine's own statistics.
        engine: any other arguments of ``vllm.LLM``; on the command line one by one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = Field(min_length=1)
    revision: str | None = None
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    tensor_parallel_size: int = Field(default=1, ge=1)
    gpu_memory_utilization: float = Field(default=0.8, gt=0, le=1)
    max_model_len: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=1, ge=1)
    max_new_tokens: int = Field(default=1024, ge=1)
    chat_template: str | None = None
    processor: dict[str, Any] = Field(default_factory=dict)
    trust_remote_code: bool = False
    disable_log_stats: bool = True
    engine: dict[str, Any] = Field(default_factory=dict)

    @property
    def pretrained(self) -> str:
        """The checkpoint, as other back ends call it."""
        return self.model

    @property
    def named(self) -> str:
        """The checkpoint as it is typed, for messages."""
        return f"model={self.model}"


@dataclass(frozen=True)
class VLLMAdapterOptions:
    """Validated ``model_args``."""

    load: VLLMOptions
    interventions: tuple[Intervention, ...]


_OWN = [name for name in VLLMOptions.model_fields if name not in ("processor", "engine")]

# What somebody may type who knows the transformers adapter, the harness's own, or the engine.
_VIDEO = "is for videos, and this adapter takes still images"
_PROCESSES = "start one process, and give tensor_parallel_size for a model on several GPUs"
REFUSED = {
    "pretrained": "write model=",
    "device": "vLLM finds the device itself",
    "device_map": "give tensor_parallel_size for a model on several GPUs",
    "attn_implementation": "vLLM chooses the attention; attention_backend asks for another one",
    "peft": "merge the adapter into its model, or use --model hf_bapa",
    "load_in_8bit": "give quantization, or use --model hf_bapa",
    "load_in_4bit": "give quantization, or use --model hf_bapa",
    "image_unit": "vLLM tells where each image is",
    "image_token": "vLLM tells where each image is",
    "image_begin": "vLLM tells where each image is",
    "image_last": "vLLM tells where each image is",
    "fps": _VIDEO,
    "nframes": _VIDEO,
    "max_frame_num": _VIDEO,
    "is_qwen3_vl": _VIDEO,
    "image_first": "the task says where its pictures stand",
    "min_image_pixels": "pictures are shown as the task has them",
    "data_parallel_size": _PROCESSES,
    "distributed_executor_backend": _PROCESSES,
    "seed": "give the --seed of lmms-eval, which draws what is sampled",
    "load_format": "weights are read from safetensors alone",
    "logprobs_mode": "the margins of replies need their own",
    "generation_config": "the checkpoint's own is in force, and --gen_kwargs changes it",
    "override_generation_config": "give --gen_kwargs",
    "runner": "this adapter generates replies",
    "convert": "this adapter generates replies",
    "task": "this adapter generates replies",
    "skip_tokenizer_init": "the engine needs the tokenizer",
    "skip_mm_profiling": "the engine needs it to keep room for the pictures",
    "language_model_only": "the pictures would be left out",
    "mm_encoder_only": "the language model would be left out",
    "hf_token": "it would be written into results: set the variable HF_TOKEN, or log in",
    "enable_mm_embeds": "pictures are shown as pictures",
    "use_tqdm_on_load": "there is one bar, of the questions",
}


def known_options() -> list[str]:
    """Every key that ``model_args`` may have; without vLLM, those that need none to be known."""
    engine = [name for name in engine_options() if name not in REFUSED]
    return list(dict.fromkeys([*_OWN, *PIXEL_LIMITS, *engine, *intervention_options()]))


def parse_options(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> VLLMAdapterOptions:
    """Checks ``model_args``.

    Where vLLM is not installed, the arguments of its engine are taken as they are: results can be
    read there, and no engine starts.

    Args:
        given: what the user wrote.
        defaults: what the adapter's YAML sets.

    Raises:
        UsageError: an unknown key (with the nearest known one), one without effect here, or a
            value out of range.
    """
    merged = {**defaults, **given}
    for key in merged:
        if key in REFUSED:
            raise UsageError(f"{key} is not for this adapter: {REFUSED[key]}")
    ours = {*_OWN, *PIXEL_LIMITS, "processor", "engine", *intervention_options()}
    others = [key for key in merged if key not in ours and not key.startswith(PREFIX)]
    if others and engine_options():
        known = known_options()
        for key in others:
            if key not in known:
                raise UsageError(f"unknown model_args key {key!r}: {nearest(key, known)}")
    if "model" not in merged:
        raise UsageError("model is missing: add model=<hub id, folder or micro-llava>")
    own = {k: v for k, v in merged.items() if k in VLLMOptions.model_fields and v is not None}
    engine = {key: _read_json(key, merged[key]) for key in others if merged[key] is not None}
    engine |= {key: switch(key, engine[key]) for key in engine.keys() & engine_switches()}
    shown = {"processor": engine.pop("mm_processor_kwargs", None)}
    if not isinstance(shown["processor"], dict | None):
        raise UsageError(f"mm_processor_kwargs={shown['processor']!r}: should be JSON in braces")
    if isinstance(own.get("processor", {}), dict) and isinstance(own.get("engine", {}), dict):
        own["processor"] = processor_options(defaults) | processor_options(
            {**given, "processor": {**(shown["processor"] or {}), **own.get("processor", {})}}
        )
        own["engine"] = {**own.get("engine", {}), **engine}
    try:
        load = VLLMOptions(**own)
    except ValidationError as error:
        raise UsageError(one_line(error, VLLMOptions)) from error
    return VLLMAdapterOptions(load, build_interventions(merged))


def _read_json(key: str, value: Any) -> Any:
    """A value in braces or brackets as what it stands for."""
    if not (isinstance(value, str) and value[:1] in ("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise UsageError(f"{key}={value}: not JSON ({error})") from error
