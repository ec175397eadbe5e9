"""The command ``lmms-bapa sweep``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa.cli_errors import interruptible, usage_errors
from lmms_bapa.errors import UsageError
from lmms_bapa.startup import uncollected


def sweep(
    config: Annotated[
        Path | None,
        typer.Argument(
            help="YAML with the options below, except --output, as keys; options given here "
            "replace its."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Adapter, as after lmms-eval --model. Default: hf_bapa.")
    ] = None,
    model_args: Annotated[
        str | None,
        typer.Option(
            "--model_args", "--model-args", help="As for lmms-eval: pretrained=...,dtype=bfloat16"
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Tasks or groups, as for lmms-eval: spatial_probe,pope_shift")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of an intervention and its values: agci_lambda=0,0.1,0.3. "
            "May be given again; all combinations are run, and the stock model always."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the results; the same one goes on.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="Questions per task, or a share of them below 1.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch_size", "--batch-size", help="Questions per forward pass. Default: 1"),
    ] = None,
    gen_kwargs: Annotated[
        str | None,
        typer.Option("--gen_kwargs", "--gen-kwargs", help="Replaces the tasks' generation options"),
    ] = None,
    include_path: Annotated[
        str | None,
        typer.Option("--include_path", "--include-path", help="Folder of your own tasks, too."),
    ] = None,
) -> None:
    """Compares settings of the interventions on one loaded model.

    Each setting gives what a separate lmms-eval command would, answer for answer. Killed at any
    moment, the same command goes on where it was.

    lmms-bapa sweep --model_args pretrained=micro-llava --tasks spatial_probe_lite --batch_size 32
    --grid agci_lambda=0,0.3,1 --grid bapa=false,true --output runs/first
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # Under a launcher one process speaks for all.
    is_first = int(os.environ.get("RANK", 0)) == 0
    console = Console() if is_first else None
    advice = "give the same command again, which goes on where it was" if is_first else ""
    with usage_errors(), interruptible(advice):
        with uncollected():
            from lmms_bapa.sweep.config import parse_grid, read_config

        given = {
            "model": model,
            "model_args": model_args,
            "tasks": tasks,
            "grid": parse_grid(grid) if grid else None,
            "limit": int(limit) if limit is not None and limit.is_integer() else limit,
            "batch_size": batch_size,
            "gen_kwargs": gen_kwargs,
            "include_path": include_path,
        }
        wanted = read_config(config, given)
        if output is None:
            raise UsageError("--output is missing: add --output runs/first")
        from lmms_bapa.sweep.progress import SweepProgress

        with SweepProgress(console) as progress:
            progress.say("loading the harness")
            with uncollected():
                from lmms_bapa.harness.quiet import quiet_harness
                from lmms_bapa.sweep.runner import sweep as run

            with quiet_harness():
                run(wanted, output, progress)
    if console is None:
        return
    from lmms_bapa.sweep.table import sweep_tables

    with usage_errors():
        for table in sweep_tables(output):
            console.print(table)
    console.print(f"Results in the harness's format: {output}", soft_wrap=True, highlight=False)
    console.print(f"Report: lmms-bapa report {output}", soft_wrap=True, highlight=False)
