"""The model runner that vLLM takes on GPUs, on a CPU: Triton's interpreter runs its kernels.

vLLM looks for a backend of Triton's for CPUs, which the published Triton does not have; the
interpreter needs none.
"""

from __future__ import annotations

import importlib
import os
from types import SimpleNamespace
from typing import Any

VARIABLES = {"TRITON_INTERPRET": "1", "VLLM_USE_V2_MODEL_RUNNER": "1"}


def is_wanted() -> bool:
    """Whether this process was started with :data:`VARIABLES`."""
    return all(os.environ.get(name) == value for name, value in VARIABLES.items())


def declare() -> None:
    """Lets vLLM use Triton; before vLLM is imported."""
    triton: Any = importlib.import_module("triton.backends")  # vLLM brings it, on some platforms
    triton.backends["cpu"] = SimpleNamespace(driver=SimpleNamespace(is_active=lambda: True))


def check(llm: Any) -> None:
    """Fails if an engine of this process has another runner."""
    core = llm.llm_engine.engine_core.engine_core
    runner = core.model_executor.driver_worker.worker.model_runner
    module = next(c.__module__ for c in type(runner).__mro__ if c.__name__ == "GPUModelRunner")
    assert module == "vllm.v1.worker.gpu.model_runner", module
