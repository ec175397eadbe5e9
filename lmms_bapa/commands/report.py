"""``lmms-bapa report``: one HTML page from a run or a sweep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa.cli_errors import usage_errors


def report(
    runs: Annotated[
        Path,
        typer.Argument(
            help="Folder of a sweep, or what lmms-eval --log_samples --output_path left."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Folder of the report. Default: <runs>/report")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
) -> None:
    """Makes one HTML page of a sweep: findings, intervals, heat maps, curves and flips.

    The page needs no other file. Beside it lie its figures as PNG and SVG and its tables as CSV
    and Markdown. Nothing is downloaded.

    Example: lmms-bapa report runs/x
    """
    # Canvases of shifted tasks come from their data set: from the disk, or not at all.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    console = Console(stderr=True)
    with usage_errors():
        from lmms_bapa.plots.heatmaps import require_matplotlib
        from lmms_bapa.report.write import check_output, write_report

        require_matplotlib()
        with console.status("reading the runs") as status:
            from lmms_bapa.report.gather import gather
            from lmms_bapa.results.folders import read_runs

            read_runs(runs)  # a mistake in the path should not leave a folder behind
            folder = output or (runs if runs.is_dir() else runs.parent) / "report"
            check_output(folder)
            study = gather(runs, seed, status.update)
            status.update("drawing the figures")
            path = write_report(study, folder)
    for gap in study.gaps:
        console.print(f"Not in the report: {gap}", highlight=False, soft_wrap=True)
    print(path)
