"""The command ``lmms-bapa``: thin, every command is a call into the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa import __version__, probe_cli
from lmms_bapa.cli_errors import OneLineGroup, usage_errors
from lmms_bapa.commands.calibrate import calibrate
from lmms_bapa.commands.compare import compare
from lmms_bapa.commands.demo import demo
from lmms_bapa.commands.doctor import doctor
from lmms_bapa.commands.export import export
from lmms_bapa.commands.power import power
from lmms_bapa.commands.report import report
from lmms_bapa.commands.reproduce import reproduce
from lmms_bapa.commands.sweep import sweep
from lmms_bapa.errors import UsageError

app = typer.Typer(
    name="lmms-bapa",
    cls=OneLineGroup,
    help="Training-free remedies for spatial bias in vision-language models.\n\n"
    "The evaluation itself is lmms-eval's: "
    "lmms-eval --model llava_bapa --tasks spatial_probe --model_args bapa=true,agci_lambda=0.3",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)
app.add_typer(probe_cli.app, name="probe")
console = Console()


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Sees to the options that stand before a command."""
    del version


app.command()(demo)


@app.command()
def pictures(
    output: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("pictures.png"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other pictures.")] = 0,
) -> None:
    """Draws a contact sheet of the probe's pictures."""
    from lmms_bapa.probes.sheet import contact_sheet

    with usage_errors():
        try:
            contact_sheet(seed=seed).save(output)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write {output}: {error}") from error
    print(output)


@app.command()
def shift(
    task: Annotated[str, typer.Argument(help="A task or group of lmms-eval.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="layout=grid|free|pixel|scale|none, rows=5, fill=mean, documents=100"),
    ] = None,
    include_path: Annotated[
        Path | None,
        typer.Option("--include_path", "--include-path", help="Folder of your own tasks, too."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the YAML. Default: shifted_tasks, in --include_path if given."
        ),
    ] = None,
    suffix: Annotated[str, typer.Option(help="Added to the name of the task.")] = "_shift",
) -> None:
    """Writes the YAML that shows a task's pictures at other places of a larger canvas."""
    with usage_errors(), console.status("reading the harness's tasks"):
        from lmms_bapa.harness.quiet import quiet_harness
        from lmms_bapa.runs.shift_files import read_settings, write_shifted

        checked = read_settings(settings or [])
        folder = output or (include_path or Path()) / "shifted_tasks"
        with quiet_harness():
            written = write_shifted(task, checked, folder, suffix, include_path)
    for path in written.files:
        print(path)
    for name, reason in written.left_out.items():
        console.print(f"left out: {name}: {reason}", highlight=False, soft_wrap=True)
    command = (
        f"lmms-eval --include_path {include_path or folder} --tasks {written.name} --model ..."
    )
    console.print(f"Run it: {command}", highlight=False, soft_wrap=True)


@app.command()
def layouts(
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="As for shift: layout=free count=5 fill=blurred. Default: all layouts"),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Yours, instead of a drawing.")] = None,
    output: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("layouts.png"),
) -> None:
    """Draws where a shifted task puts a picture, to look at before a long run."""
    from lmms_bapa.runs.shift_files import draw_layouts

    with usage_errors():
        draw_layouts(settings or [], picture, output)
    print(output)


@app.command()
def heatmap(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Sample logs of spatial probes, or folders that hold them."),
    ],
    output: Annotated[Path, typer.Option(help="The picture to write.")] = Path("heat_maps.png"),
) -> None:
    """Draws heat maps from what [bold]lmms-eval --log_samples --output_path[/] left."""
    from lmms_bapa.plots.heatmaps import save_panels
    from lmms_bapa.runs.heatmaps import figure_rows, read_runs

    with usage_errors():
        runs, others = read_runs(paths)
        try:
            save_panels(figure_rows(runs), output)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write {output}: {error}") from error
    if others:
        console.print(f"Left out, of other tasks: {len(others)} sample logs", highlight=False)
    print(output)


@app.command()
def models(
    status: Annotated[
        str | None, typer.Option(help="Only these: proven, expected or refused.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="What runs the models: transformers or vllm.")
    ] = "transformers",
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As in the documentation, for all known types.")
    ] = False,
) -> None:
    """Lists every architecture that a back end knows: proven, expected or refused, and why."""
    from lmms_bapa.runs import coverage, vllm_coverage

    tables = {"transformers": coverage, "vllm": vllm_coverage}
    with usage_errors():
        for name, value, known in (
            ("status", status, coverage.STATUSES),
            ("backend", backend, tuple(tables)),
        ):
            if value is not None and value not in known:
                raise UsageError(f"--{name} {value}: choose one of {', '.join(known)}")
    table = tables[backend]
    if markdown:
        print(table.markdown_table(), end="")
        return
    console.print(table.coverage_table(status))
    console.print(table.count_line(), highlight=False)


@app.command()
def verify(
    model: Annotated[str, typer.Option(help="Hub id, folder, or an embedded model.")],
    adapter: Annotated[
        str, typer.Option(help="Adapter whose defaults to use, as after lmms-eval --model.")
    ] = "hf_bapa",
    model_args: Annotated[
        str,
        typer.Option(
            "--model_args",
            "--model-args",
            help="Loading options, as for lmms-eval: dtype=bfloat16,device=cuda:0",
        ),
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="Markdown report, to paste into an issue.")
    ] = None,
) -> None:
    """Checks the interventions on one checkpoint: off is off, positions, batching, cost, ..."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    with usage_errors():
        if output is not None and not output.absolute().parent.is_dir():
            raise UsageError(f"--output {output}: no such folder")
        if output is not None and output.is_dir():
            raise UsageError(f"--output {output}: is a folder: give the name of a file, REPORT.md")
        from lmms_bapa.runs.verification import load, run_checks
        from lmms_bapa.verify import report

        with console.status(f"loading {model}"):
            subject = load(model, adapter, model_args)
        findings = run_checks(subject, console)
    title = report.describe(subject)
    console.print(report.as_table(title, findings))
    if output is not None:
        output.write_text(report.as_markdown(title, findings), encoding="utf-8")
        console.print(f"Report: {output}", soft_wrap=True)
    if any(f.verdict == "FAIL" for f in findings):
        raise typer.Exit(1)


app.command()(sweep)
app.command()(calibrate)
app.command()(report)
app.command()(compare)
app.command()(export)
app.command()(reproduce)
app.command()(power)
app.command()(doctor)
