"""The command ``lmms-bapa demo``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa.cli_errors import interruptible, usage_errors
from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.startup import uncollected


def demo(
    output: Annotated[Path, typer.Option(help="Folder for results, reports and the picture.")] = (
        Path("demo")
    ),
    model: Annotated[
        list[str] | None,
        typer.Option(help="Embedded model; may be given again. Default: the two biased ones."),
    ] = None,
    task: Annotated[str, typer.Option(help="The probe that is asked.")] = "spatial_probe_lite",
    limit: Annotated[
        int | None, typer.Option(min=18, help="Questions per run; 18 are one group.")
    ] = None,
) -> None:
    """Shows what BaPA and AGCI do to small models with a planted bias: a sweep and a report each.

    Example: lmms-bapa demo --output demo
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from lmms_bapa.plots.heatmaps import require_matplotlib, save_heat_maps

    console = Console()
    advice = "give the same command again, which goes on where it was"
    with usage_errors(), interruptible(advice):
        require_matplotlib()
        from lmms_bapa.sweep.progress import SweepProgress

        with SweepProgress(console) as progress:
            progress.say("loading the harness")
            with uncollected():
                from lmms_bapa.harness.quiet import quiet_harness
                from lmms_bapa.runs import demo as run
            models = model or list(run.DEFAULT_MODELS)
            with quiet_harness():
                rows = run.compare(models, task, output, progress, limit)
        picture = save_heat_maps(run.heat_maps(rows), output / "heat_maps.png")
        with console.status("writing the reports"):
            from lmms_bapa.report.gather import gather
            from lmms_bapa.report.write import write_report

            folders = [run.folder_of(output, name) for name in models]
            pages = [write_report(gather(folder), folder / "report") for folder in folders]
    questions = f"{limit} questions of {task}" if limit else task
    console.print(run.comparison_table(rows, f"{questions}, in %"))
    for name in models:
        if name in EMBEDDED:
            console.print(f"{name}: {EMBEDDED[name]}.", highlight=False)
    console.print(f"Heat maps: {picture}", soft_wrap=True, highlight=False)
    for page in pages:
        console.print(f"Report: {page}", soft_wrap=True, highlight=False)
