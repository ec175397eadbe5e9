"""Tells whoever waits for an engine's answer that the engine is dead.

vLLM's client notes that a process of its engine was killed, and its call for the next output waits
for good all the same: a run would hang instead of ending.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from multiprocessing import connection
from queue import Queue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vllm import LLM


def watch(llm: LLM) -> None:
    """Has ``llm.generate`` raise ``EngineDeadError`` if a process of its engine ends.

    Does nothing for an engine in this process, or one that is not in processes of this machine.
    """
    core: Any = llm.llm_engine.engine_core
    manager = getattr(getattr(core, "resources", None), "engine_manager", None)
    sentinels = [process.sentinel for process in getattr(manager, "processes", ())]
    if sentinels:
        # No reference to the client, so that it can be freed.
        watching = (sentinels, core.outputs_queue)
        threading.Thread(target=_wait, args=watching, name="watch", daemon=True).start()


def _wait(sentinels: Sequence[int], outputs: Queue[Any]) -> None:
    from vllm.v1.engine.exceptions import EngineDeadError

    connection.wait(sentinels)
    outputs.put(EngineDeadError())
