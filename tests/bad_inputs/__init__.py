"""Wrong inputs over all commands: plain data, run by ``tests/test_bad_inputs.py``."""

from .checkpoints import CHECKPOINTS
from .commands import COMMANDS
from .exports import EXPORTS
from .harness import HARNESS
from .model_args import MODEL_ARGS
from .probes import PROBES
from .results import RESULTS
from .rows import Row
from .vllm import VLLM

__all__ = ["ROWS", "Row"]

ROWS: list[Row] = [
    *MODEL_ARGS,
    *CHECKPOINTS,
    *HARNESS,
    *COMMANDS,
    *RESULTS,
    *PROBES,
    *EXPORTS,
    *VLLM,
]
