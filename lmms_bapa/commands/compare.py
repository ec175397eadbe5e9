"""``lmms-bapa compare``: settings on the same questions, with intervals and corrected p."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa.cli_errors import usage_errors
from lmms_bapa.errors import UsageError


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B | SWEEP",
            help="Two runs: folders of --output_path, or results JSONs. Or one folder with several "
            "settings, each of which is compared with the stock model.",
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "--tasks", help="Only this task; may be given again. Default: all."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Also write the table: a .csv or a .md file.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of resamples and permutations.")] = 0,
) -> None:
    """Says what differs between runs on the same questions, and what is only chance.

    For any task of lmms-eval whose samples carry a score: run it with --log_samples. Exact McNemar
    test, paired bootstrap over groups, Holm's correction over all rows; docs/statistics.md.

    Example: lmms-bapa compare runs/stock runs/bapa --output table.md
    """
    console = Console()
    with usage_errors():
        from lmms_bapa.results.comparison_table import check_output, print_table, write

        check_output(output)
        if len(runs) > 2:
            raise UsageError(f"{len(runs)} runs: give two, or one folder with several settings")
        with console.status("reading the samples"):
            from lmms_bapa.results import findings
            from lmms_bapa.results.folders import read_run, read_runs
            from lmms_bapa.results.remarks import remarks

            tasks = [name for text in task or [] for name in text.split(",") if name]
            if len(runs) == 2:
                read = [read_run(path) for path in runs]
                found = findings.compare(read[0], read[1], tasks, seed)
            else:
                read = read_runs(runs[0])
                found = findings.compare_all(read, seed, tasks)
        print_table(found, console)
        for sentence in remarks(*read) if len(runs) == 2 else []:
            console.print(sentence, highlight=False, soft_wrap=True)
        left_out = sorted({t for run in read for t in run.tasks} - {c.task for c in found})
        if left_out and not tasks:
            what = "Left out, not in all runs or without a score per document"
            console.print(f"{what}: {', '.join(left_out)}", highlight=False)
        if output is not None:
            write(found, output)
            console.print(f"Table: {output}", soft_wrap=True)
