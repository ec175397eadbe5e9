"""How commands end on a user's mistake."""

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
