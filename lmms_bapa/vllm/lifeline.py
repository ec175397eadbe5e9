"""Ends the processes of an engine when the one that started it is gone.

An engine of vLLM outlives a parent that was killed, and keeps the GPU's memory: the run that goes
on afterwards would find no room. Its worker processes watch their engine; nobody watches for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

# Set while an engine of ours is built, and inherited by its processes.
VARIABLE = "LMMS_BAPA_VLLM_LIFELINE"
GRACE = 10.0  # seconds that an engine has to put its affairs in order

_followed: set[int] = set()  # by process, since a fork inherits what is set here


@contextmanager
def held() -> Iterator[None]:
    """Engines that are started inside end with this process, however that ends."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def follow() -> None:
    """Makes a process of an engine end with its parent, if :func:`held` is in force.

    May be called any number of times; in a process that nobody started so it does nothing.
    """
    parent = multiprocessing.parent_process()
    if not os.environ.get(VARIABLE) or parent is None or os.getpid() in _followed:
        return
    _followed.add(os.getpid())
    threading.Thread(target=_wait, args=(parent,), name="lifeline", daemon=True).start()


def _wait(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os._exit(1)
