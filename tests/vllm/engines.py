"""The other side: vLLM, started as this package starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vllm import LLM

from lmms_bapa.interventions import Intervention
from lmms_bapa.vllm.engine import confirm, engine_arguments, shut_down, switched

from .asking import ARGUMENTS, Engine


@contextmanager
def engine(folder: Path, *interventions: Intervention, **arguments: Any) -> Iterator[Engine]:
    """An engine under a setting, as this package starts it.

    Args:
        folder: the checkpoint.
        interventions: the setting; none for the stock engine.
        arguments: of the engine, beside the usual ones of these tests.
    """
    wanted = engine_arguments(interventions, {"model": str(folder), **ARGUMENTS, **arguments})
    with switched(interventions):
        llm = LLM(**wanted)
    try:
        confirm(llm, interventions)
        yield Engine(llm, folder)
    finally:
        shut_down(llm)
