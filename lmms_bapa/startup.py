"""What makes a command start sooner."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Leaves the garbage collector out while the big libraries are imported.

    They make millions of objects and hardly any garbage, and each pass over them is for nothing.
    They stay out of later passes, too, but for the last one: some libraries complain of what is
    left.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.unregister(gc.unfreeze)
        atexit.register(gc.unfreeze)
        if was_on:
            gc.enable()
