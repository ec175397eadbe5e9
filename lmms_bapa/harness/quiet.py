"""One bar on the screen instead of the harness's many."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator

from loguru import logger


@contextlib.contextmanager
def quiet_harness() -> Iterator[None]:
    """Hides the harness's bars and notes; warnings and errors stay."""
    logger.remove()
    logger.add(sys.stderr, level="WARNING", format="{level}: {message}")
    with contextlib.redirect_stderr(io.StringIO()):
        yield
