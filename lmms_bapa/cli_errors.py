"""How commands end on a user's mistake, and when they are interrupted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from lmms_bapa.errors import UsageError


@contextmanager
def usage_errors() -> Iterator[None]:
    """Ends the command on a user's mistake: one line, status 2."""
    try:
        yield
    except UsageError as error:
        print(f"lmms-bapa: error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Ends the command on Ctrl-C: one line, status 130, as a shell has it.

    Args:
        advice: how to go on; empty for processes that are not to speak.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if advice:
            print(f"lmms-bapa: interrupted: {advice}", file=sys.stderr)
        raise typer.Exit(130) from error
