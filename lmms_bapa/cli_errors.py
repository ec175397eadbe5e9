"""How commands end on a user's mistake, and when they are interrupted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from lmms_bapa.errors import UsageError
from lmms_bapa.validation import printable, reason

# Of click, which some versions of typer carry in themselves.
_Refused: Any = typer.BadParameter.__mro__[1]


class OneLineGroup(TyperGroup):
    """Commands whose parser says what is wrong in one line, as the commands themselves do."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Runs a command and ends the process, see click.

        Raises:
            SystemExit: with status 2 on a mistake in the command line.
        """
        if not extra.pop("standalone_mode", True):
            return super().main(*args, **{**extra, "standalone_mode": False})
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except _Refused as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()
            else:
                print(f"lmms-bapa: error: {_advice(error)}", file=sys.stderr)
            sys.exit(error.exit_code)
        sys.exit(status if isinstance(status, int) else 0)


def _advice(error: Any) -> str:
    said = printable(error.format_message()).rstrip(".")
    command = error.ctx.command_path if error.ctx else "lmms-bapa"
    return f"{said}: see {command} --help"


@contextmanager
def usage_errors() -> Iterator[None]:
    """Ends the command on a user's mistake, or on a file that cannot be had: one line, status 2."""
    try:
        yield
    except UsageError as error:
        print(f"lmms-bapa: error: {printable(error)}", file=sys.stderr)
        raise typer.Exit(2) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"lmms-bapa: error: {where}{error.strerror or reason(error)}", file=sys.stderr)
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
