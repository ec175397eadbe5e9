"""The command ``lmms-bapa doctor``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa.startup import uncollected

WIDTH = 100
console = Console()


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="For a script, or to paste into an issue.")
    ] = False,
) -> None:
    """Looks at the installation: versions, devices, what is registered, what lmms-eval sees.

    Loads no model and asks no network. Ends with status 0 if all that is needed works, else 1.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    with Console(file=sys.stderr).status("looking"), uncollected():
        from lmms_bapa.doctor.examination import examine, works
        from lmms_bapa.doctor.screen import as_json as json_of
        from lmms_bapa.doctor.screen import screen

        found = dict(examine())
    if as_json:
        print(json_of(found))
    else:
        console.print(screen(found), width=min(console.width, WIDTH), highlight=False)
    if not works([finding for findings in found.values() for finding in findings]):
        raise typer.Exit(1)
