"""Starts steered engines, asks their workers, and takes engines down."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import Intervention
from lmms_bapa.steering.errors import SteeringError
from lmms_bapa.vllm import VARIABLE, lifeline
from lmms_bapa.vllm.plugin import register
from lmms_bapa.vllm.settings import check, to_text

if TYPE_CHECKING:
    from vllm import LLM
    from vllm.config import VllmConfig

WITNESS = "lmms_bapa.vllm.worker.Witness"
PLUGIN = "lmms_bapa"
_RAY = "VLLM_RAY_EXTRA_ENV_VARS_TO_COPY"


def engine_arguments(
    interventions: Sequence[Intervention], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of ``vllm.LLM`` that an engine with these interventions needs.

    Args:
        interventions: what is to be in force; if that changes nothing, nothing is added.
        arguments: those that the caller wants.

    Returns:
        Both together.

    Raises:
        UsageError: vLLM cannot have such an intervention, or an argument does not go with one.
    """
    check(interventions)
    if not to_text(interventions):
        return dict(arguments)
    for name, why in _REFUSED.items():
        if arguments.get(name):
            raise _refusal(name, why)
    if _has_encoder_graphs(arguments.get("compilation_config")):
        raise _refusal("compilation_config.cudagraph_mm_encoder", _PAST)
    if arguments.get("model_impl", "auto") not in ("auto", "vllm"):
        raise _refusal("model_impl", _ELSEWHERE)
    allowed = os.environ.get("VLLM_PLUGINS")
    if allowed is not None and PLUGIN not in allowed.split(","):
        raise UsageError(f"VLLM_PLUGINS={allowed}: leaves {PLUGIN} out: add it")
    return {**arguments, "worker_extension_cls": WITNESS}


_PAST = "the pictures would go past the intervention"
_OLD = "it would hand over what another strength left there"
_ELSEWHERE = "another class than vLLM's own would run the model"
_REFUSED = {
    "kv_transfer_config": _OLD,
    "kv_offloading_size": _OLD,
    "ec_transfer_config": _OLD,
    "speculative_config": "the draft model would not be steered",
    "video_pruning_rate": "videos are not steered",
    "enable_prompt_embeds": "embeddings of the caller hide where pictures are",
    "worker_extension_cls": "the interventions need that place for their own check",
}


def _refusal(name: str, why: str) -> UsageError:
    return UsageError(f"{name}: does not go with an intervention, since {why}: leave it out")


def _has_encoder_graphs(given: Any) -> bool:
    if isinstance(given, Mapping):
        return bool(given.get("cudagraph_mm_encoder"))
    return bool(getattr(given, "cudagraph_mm_encoder", False))


def check_engine(config: VllmConfig) -> None:
    """Refuses the same in the configuration of an engine, whoever made it.

    Raises:
        UsageError: see :func:`engine_arguments`.
    """
    pictures = config.model_config.multimodal_config
    found = {
        "kv_transfer_config": config.kv_transfer_config,
        "kv_offloading_size": config.cache_config.kv_offloading_size,
        "ec_transfer_config": config.ec_transfer_config,
        "speculative_config": config.speculative_config,
        "video_pruning_rate": pictures.video_pruning_rate if pictures else None,
        "enable_prompt_embeds": config.model_config.enable_prompt_embeds,
    }
    for name, value in found.items():
        if value:
            raise _refusal(name, _REFUSED[name])
    if config.compilation_config.cudagraph_mm_encoder:
        raise _refusal("compilation_config.cudagraph_mm_encoder", _PAST)


@contextmanager
def switched(interventions: Sequence[Intervention]) -> Iterator[None]:
    """While an engine is built inside, it gets these interventions, in all its processes.

    These end with this one, however it ends.

    Example:
        ``with switched(wanted): llm = LLM(**engine_arguments(wanted, {"model": ...}))``

    Nothing of it is left in the environment or in vLLM's tables of this process; the engine keeps
    what it was built with.
    """
    before = {name: os.environ.get(name) for name in (VARIABLE, _RAY)}
    text = to_text(interventions)
    if text:
        others = [name for name in (before[_RAY] or "").split(",") if name]
        os.environ |= {VARIABLE: text, _RAY: ",".join([*others, VARIABLE])}
    else:
        os.environ.pop(VARIABLE, None)
    register()
    try:
        with lifeline.held():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        register()


def confirm(llm: LLM, interventions: Sequence[Intervention]) -> None:
    """Asks every worker of an engine what it is steered by.

    Raises:
        SteeringError: one of them is not steered as wanted.
    """
    wanted = to_text(interventions)
    if not wanted:
        return
    found: list[str] = llm.collective_rpc("lmms_bapa_settings")
    for number, text in enumerate(found):
        if text != wanted:
            raise SteeringError(
                f"worker {number} of vLLM has {text or 'no intervention'}, not {wanted}: is "
                "lmms-bapa installed where it runs, and does VLLM_PLUGINS let it in?"
            )


def shut_down(llm: LLM) -> None:
    """Ends an engine: its processes, and what it keeps of this one."""
    from vllm.distributed import cleanup_dist_env_and_memory

    llm.llm_engine.engine_core.shutdown()
    cleanup_dist_env_and_memory()
    gc.collect()
