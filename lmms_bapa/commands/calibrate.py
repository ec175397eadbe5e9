"""The command ``lmms-bapa calibrate``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lmms_bapa.cli_errors import interruptible, usage_errors

if TYPE_CHECKING:
    from lmms_bapa.calibration.choice import Candidate

GRID = (
    "agci_lambda=0,0.3,auto",
    "bapa=false,true",
    "bapa_strength=0.5,1",
    "bapa_anchor=paper,center",
)
# Of adapters whose engine takes whole positions only.
VLLM_GRID = ("agci_lambda=0,0.3,auto", "bapa=false,true")


class Spread(StrEnum):
    """What is to be as even as possible."""

    auroc = "auroc"
    accuracy = "accuracy"


def default_grid(adapter: str) -> tuple[str, ...]:
    """What is tried with an adapter if nothing else is asked for, as after ``--grid``."""
    from lmms_bapa.harness.backends import backend_of

    return VLLM_GRID if backend_of(adapter) == "vllm" else GRID


def calibrate(
    output: Annotated[
        Path, typer.Option(help="NAME.yaml: the adapter to write; NAME is its --model later.")
    ],
    model_args: Annotated[
        str,
        typer.Option(
            "--model_args", "--model-args", help="As for lmms-eval: pretrained=...,dtype=bfloat16"
        ),
    ],
    model: Annotated[str, typer.Option(help="Adapter, as after lmms-eval --model.")] = "hf_bapa",
    task: Annotated[
        str, typer.Option(help="The spatial probe to evaluate on later; it stays unseen.")
    ] = "spatial_probe_lite",
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of an intervention and its values; may be given again. "
            f"Default: {', '.join(GRID)}; of vLLM: {', '.join(VLLM_GRID)}"
        ),
    ] = None,
    objective: Annotated[
        Spread, typer.Option(help="Spread over places of the AUROC, or of the accuracy.")
    ] = Spread.auroc,
    floor: Annotated[
        float,
        typer.Option(min=0, help="Points that accuracy and AUROC may fall below the stock model."),
    ] = 1.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the split. Default: the probe's, plus one.")
    ] = None,
    groups: Annotated[
        int | None, typer.Option(min=2, help="Of the split. Default: as many as the probe has.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch_size", "--batch-size", help="Questions per forward pass.")
    ] = 1,
    runs: Annotated[
        Path | None, typer.Option(help="Keeps all runs here; the same folder goes on.")
    ] = None,
    include_path: Annotated[
        str | None,
        typer.Option("--include_path", "--include-path", help="Folder of your own tasks, too."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrites the output.")] = False,
) -> None:
    """Chooses strength and anchor on questions that the evaluation does not ask.

    lmms-bapa calibrate --model_args pretrained=micro-llava --batch_size 32
    --grid bapa=false,true --grid bapa_anchor=paper,center --output mine.yaml
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    console = Console()
    kept = "give the same command again, which goes on where it was"
    lost = "nothing was written; with --runs DIR the same command would go on where it was"
    with usage_errors(), interruptible(kept if runs else lost):
        from lmms_bapa.calibration.file import check_output, usage, write
        from lmms_bapa.places import check_place
        from lmms_bapa.sweep.config import parse_grid, read_config

        check_output(output, force)
        if runs is not None:
            check_place(runs, "--runs")
        given = {
            "model": model,
            "model_args": model_args,
            "tasks": [task],
            "grid": parse_grid(grid or default_grid(model)),
            "batch_size": batch_size,
            "include_path": include_path,
        }
        config = read_config(None, given)
        from lmms_bapa.sweep.progress import SweepProgress

        with SweepProgress(console) as progress:
            progress.say("loading the harness")
            from lmms_bapa.calibration.choice import Objective
            from lmms_bapa.calibration.runner import calibrate as run
            from lmms_bapa.harness.quiet import quiet_harness

            wanted = Objective(objective.value, floor / 100)
            with quiet_harness():
                found = run(config, wanted, progress, seed=seed, groups=groups, runs=runs)
        write(output, found.preset, force)
    console.print(_table(found.candidates, found.choice))
    console.print(f"Objective: {wanted}.", soft_wrap=True, highlight=False)
    if found.choice is found.candidates[0]:
        told = (
            "no setting is better than the stock model by more than noise: nothing is switched on"
        )
        console.print(f"Chosen: off; {told}.", soft_wrap=True, highlight=False)
    else:
        console.print(f"Chosen: {found.choice.label}.", soft_wrap=True, highlight=False)
    console.print(f"Use it: {usage(output, task)}", soft_wrap=True, highlight=False)


def _table(candidates: Sequence[Candidate], choice: Candidate) -> Table:
    table = Table(title="on the held-out split, in %", box=box.HORIZONTALS, padding=(0, 1, 0, 0))
    table.add_column("setting", no_wrap=True)
    for heading in (
        "AUROC",
        "spread",
        "balanced\naccuracy",
        "says\nYes",
        "cell\nspread",
        "changed",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.caption = "tied: as good as the best, as far as the split can tell"
    for one in candidates:
        figures = (
            one.auroc,
            one.auroc_std,
            one.balanced_accuracy,
            one.yes_rate,
            one.accuracy_std,
            one.answers_changed,
        )
        told = "below floor" if not one.is_eligible else "tied"
        mark = "chosen" if one is choice else told if not one.is_eligible or one.is_tied else ""
        setting = one.label.replace(",", ",\n")
        table.add_row(setting, *(f"{100 * value:.2f}" for value in figures), mark)
    return table
