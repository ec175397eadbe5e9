"""How vLLM is set up for tests; said once, before vLLM is imported."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

IS_INSTALLED = importlib.util.find_spec("vllm") is not None
ROOT = Path(__file__).parents[2]
VARIABLES = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in this process, so that it starts soon
    "TORCHDYNAMO_DISABLE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # other processes may want that core, too
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare() -> None:
    """Sets the variables for this process and those that it starts.

    They are not merely defaults: a number that another setting gave is no number of these tests.
    """
    os.environ.update(VARIABLES)


def without_engine_settings() -> dict[str, str]:
    """The environment that vLLM finds by default, for a process of its own: three processes."""
    ours = ("VLLM_ENABLE_V1_MULTIPROCESSING", "TORCHDYNAMO_DISABLE")
    return {name: value for name, value in os.environ.items() if name not in ours}
