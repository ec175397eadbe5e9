"""The command ``lmms-bapa reproduce``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lmms_bapa.cli_errors import interruptible, usage_errors
from lmms_bapa.errors import UsageError
from lmms_bapa.startup import uncollected

if TYPE_CHECKING:
    from lmms_bapa.reproduction.agreement import Agreement

SHOWN = 5
console = Console()


def reproduce(
    path: Annotated[
        Path, typer.Argument(help="Folder of a sweep, of a setting, or of an lmms-eval run.")
    ],
    setting: Annotated[
        list[str] | None,
        typer.Option(help="Only this one: off, or bapa=true. May be given again. Default: all."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="New folder. Default: beside the old one, NAME-reproduced-DATE."),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Run even if the weights are not the same.")
    ] = False,
    include_path: Annotated[
        str | None,
        typer.Option(
            "--include_path", "--include-path", help="Where the folder of your tasks is now."
        ),
    ] = None,
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust_remote_code",
            "--trust-remote-code",
            help="Run code of the model's repository, if it was run then.",
        ),
    ] = False,
) -> None:
    """Runs recorded runs again, and says whether every answer is the same.

    Ends with status 0 if so, 1 if an answer differs, and 2 if it cannot be run.

    lmms-bapa reproduce runs/first --setting bapa=true
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    with usage_errors():
        with console.status("reading the record"):
            with uncollected():
                from lmms_bapa.harness.quiet import quiet_harness
                from lmms_bapa.reproduction.runner import plan
                from lmms_bapa.reproduction.runner import reproduce as run
                from lmms_bapa.sweep.progress import SweepProgress

            task = plan(path, setting or [], output, include_path, trust_remote_code)
        if task.unknown:
            _tell("Not recorded, so not compared: ", [", ".join(task.unknown)])
        _tell("Not as it was: ", task.apart)
        if task.other_weights and not anyway:
            raise UsageError(
                f"weights differ: {task.other_weights[0].partition(': ')[2]}: get the recorded "
                "ones back, or see what these answer with --anyway"
            )
        advice = "single settings begin anew: give another --output"
        if task.config is not None:
            advice = f"to go on, give the same command with --output {task.output}"
        with interruptible(advice), SweepProgress(console) as progress, quiet_harness():
            results, apart = run(task, progress)
    _tell("Not as it was: ", apart)
    for result in results:
        _show(result)
    console.print(f"New results: {task.output}", soft_wrap=True, highlight=False, markup=False)
    if not all(result.is_same for result in results):
        raise typer.Exit(1)


def _tell(heading: str, texts: list[str]) -> None:
    for text in texts:
        console.print(f"{heading}{text}", soft_wrap=True, highlight=False, markup=False)


def _show(result: Agreement) -> None:
    verdict = "the same" if result.is_same else "NOT the same"
    margin = "" if result.margin != result.margin else f"; margins differ by {result.margin:.3g}"
    lines = [
        f"{result.label}: {verdict}, {result.equal:,} of {result.questions:,} answers equal"
        f"{margin}{' at most' if margin else ''}"
    ]
    if result.other_questions:
        lines.append(f"  {result.other_questions:,} questions are not those that were asked")
    if result.added:
        lines.append(f"  {result.added:,} questions were not asked then")
    for change in result.changes[:SHOWN]:
        now = "not asked" if change.now is None else repr(change.now)
        lines.append(f"  {change.task}, document {change.doc_id}: {change.before!r}, now {now}")
    if len(result.changes) > SHOWN:
        lines.append(f"  and {len(result.changes) - SHOWN:,} more")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
