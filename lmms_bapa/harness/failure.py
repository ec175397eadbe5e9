"""Makes a failure of ours visible in the exit status of ``lmms-eval``.

The harness's command line catches every exception, prints it and exits 0. There, and only there,
our own failures leave by SystemExit, which it lets through. In Python code they stay exceptions.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from lmms_bapa.errors import UsageError
from lmms_bapa.validation import printable

USAGE_STATUS, FAILURE_STATUS = 2, 1


def in_command_line() -> bool:
    """Whether the harness's command line is what called us."""
    return any(
        frame.f_code.co_name == "cli_evaluate"
        and getattr(frame.f_globals.get("__spec__"), "name", "") == "lmms_eval.__main__"
        for frame, _ in traceback.walk_stack(None)
    )


@contextmanager
def visible_failures(others: bool = True) -> Iterator[None]:
    """Turns an exception into an exit of the harness's command line.

    A :class:`UsageError` is one line on standard error and status 2; any other error keeps its
    traceback, followed by one line, and gives status 1.

    Args:
        others: whether errors of other kinds are ours; if not, they are left to the harness.
    """
    try:
        yield
    except UsageError as error:
        if not in_command_line():
            raise
        print(f"lmms-bapa: error: {printable(error)}", file=sys.stderr)
        raise SystemExit(USAGE_STATUS) from error
    except Exception as error:
        if not others or not in_command_line():
            raise
        traceback.print_exc()
        print(f"lmms-bapa: error: {printable(error)}", file=sys.stderr)
        raise SystemExit(FAILURE_STATUS) from error
