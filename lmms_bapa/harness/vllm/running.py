"""The engine itself, started by the harness's own vLLM adapter, and asked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.vllm.options import VLLMOptions
from lmms_bapa.interventions import Intervention
from lmms_bapa.validation import reason

# There is one bar, of the questions; and logs of steps say nothing to a reader of results.
_QUIET = {"use_tqdm_on_load": False}


def is_on_cpu() -> bool:
    """Whether this vLLM runs models on the CPU."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def arguments_of(options: VLLMOptions, source: str, revision: str | None) -> dict[str, Any]:
    """What the harness's adapter is given, without what interventions add.

    Args:
        options: what the user asked for.
        source: folder or hub id.
        revision: a commit, or what the user asked for.
    """
    dtype = "float32" if options.dtype == "auto" and is_on_cpu() else options.dtype
    found: dict[str, Any] = {
        "model": source,
        "tensor_parallel_size": options.tensor_parallel_size,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "trust_remote_code": options.trust_remote_code,
        "disable_log_stats": options.disable_log_stats,
        "dtype": dtype,
        # Scores as greedy search sees them: after penalties.
        "logprobs_mode": "processed_logprobs",
        "load_format": "safetensors",
        **_QUIET,
        **options.engine,
    }
    if revision is not None:
        found |= {"revision": revision, "tokenizer_revision": revision, "code_revision": revision}
    if options.max_model_len is not None:
        found["max_model_len"] = options.max_model_len
    if options.processor:
        found["mm_processor_kwargs"] = options.processor
    return found


class Running:
    """An engine with interventions, from its start to its end.

    Args:
        arguments: see :func:`arguments_of`.
        interventions: what is to be in force in all its processes.
        batch_size: for the harness's adapter.

    Raises:
        UsageError: the engine cannot be started so.
        SteeringError: it was started, and is not steered as wanted.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        interventions: Sequence[Intervention],
        batch_size: int,
    ) -> None:
        from lmms_eval.models.chat.vllm import VLLM

        from lmms_bapa.vllm.engine import confirm, engine_arguments, shut_down, switched
        from lmms_bapa.vllm.watch import watch

        given = engine_arguments(interventions, arguments)
        method = os.environ.get(_METHOD)
        try:
            with switched(interventions):
                self._harness = VLLM(batch_size=batch_size, **given)
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"vLLM cannot be started ({_said(error)})") from error
        finally:  # the harness sets it for good
            _set(_METHOD, method)
        watch(self._harness.client)
        self.interventions = tuple(interventions)
        try:
            confirm(self._harness.client, interventions)
        except BaseException:
            shut_down(self._harness.client)
            raise

    def facts(self) -> dict[str, str]:
        """What its answers may depend on, as the engine has it."""
        config = self._harness.client.llm_engine.vllm_config
        model, cache = config.model_config, config.cache_config
        return {
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(config.device_config.device_type),
            "max_model_len": str(model.max_model_len),
            "enforce_eager": str(model.enforce_eager).lower(),
            "quantization": str(model.quantization or "none"),
            "tensor_parallel_size": str(config.parallel_config.tensor_parallel_size),
            "kv_cache_dtype": str(cache.cache_dtype),
            "prefix_caching": str(bool(cache.enable_prefix_caching)).lower(),
        }

    def generate(
        self, prompts: Sequence[Mapping[str, Any]], settings: Sequence[Mapping[str, Any]]
    ) -> list[Any]:
        """Answers prompts.

        Args:
            prompts: see :class:`lmms_bapa.harness.vllm.rendering.Question`.
            settings: arguments of ``vllm.SamplingParams`` for each of them.

        Returns:
            A ``vllm.RequestOutput`` a prompt.

        Raises:
            UsageError: a prompt that the engine does not take, such as one that is too long; or
                the engine is dead.
        """
        from vllm import SamplingParams
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        wanted = [SamplingParams(**own) for own in settings]
        try:
            outputs: list[Any] = self._harness.client.generate(
                list(prompts), wanted, use_tqdm=False
            )
        except VLLMClientError as error:
            # Pictures of the batch count as handed over, and were not.
            self._harness.client.llm_engine.reset_mm_cache()
            raise UsageError(f"vLLM refuses a question: {reason(error)}") from error
        except EngineDeadError as error:
            raise UsageError(
                "the engine of vLLM ended while it answered: its log above says why, unless it was "
                "killed, for lack of memory perhaps: give the same command again"
            ) from error
        return outputs

    def stop(self) -> None:
        """Ends the engine and all its processes."""
        from lmms_bapa.vllm.engine import shut_down

        shut_down(self._harness.client)
        del self._harness


_METHOD = "VLLM_WORKER_MULTIPROC_METHOD"


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _said(error: Exception) -> str:
    """What an error of vLLM's configurations says; a validation's first line only counts."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        said = str(first["msg"]).removeprefix("Value error, ").splitlines()[0]
        where = [str(part) for part in first["loc"]]  # none if several arguments are at odds
        return f"{'.'.join(where)}: {said}" if where else said
    return reason(error)
