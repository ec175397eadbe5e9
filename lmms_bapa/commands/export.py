"""``lmms-bapa export``: results as other people's tools take them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lmms_bapa.cli_errors import usage_errors


def export(
    runs: Annotated[
        Path | None,
        typer.Argument(help="Folder of a sweep, or what lmms-eval --output_path left."),
    ] = None,
    options: Annotated[
        list[str] | None, typer.Argument(help="Options of the exporter, as name=value.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Name of the exporter; see --list.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(help="Only this setting, such as off; may be repeated. Default: all"),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Only these tasks, with commas between them. Default: all")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to. Default: <runs>/export/<exporter>")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there and differ.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
    list_: Annotated[
        bool, typer.Option("--list", help="List the exporters and their options.")
    ] = False,
) -> None:
    """Writes results as other people's tools take them. Files only: nothing is sent anywhere.

    Every file names the intervention: a score with one is not the model's own.

    Example: lmms-bapa export runs/x --to csv
    """
    with usage_errors():
        from lmms_bapa.errors import UsageError
        from lmms_bapa.export.listing import exporters_table
        from lmms_bapa.export.options import make_exporter
        from lmms_bapa.export.source import open_source
        from lmms_bapa.export.write import write_files

        if list_:
            Console().print(exporters_table())
            return
        if runs is None or to is None:
            raise UsageError(
                "name the results and a format: lmms-bapa export runs/x --to csv; "
                "--list shows the formats"
            )
        exporter = make_exporter(to, options or [])
        names = [name.strip() for name in (tasks or "").split(",") if name.strip()]
        source = open_source(runs, setting or [], names, seed)
        folder = output or (runs if runs.is_dir() else runs.parent) / "export" / to
        with Console(stderr=True).status("computing the figures"):
            written = write_files(exporter.files(source), folder, overwrite)
    for path in written:
        print(path)
    for note in source.notes:
        Console(stderr=True).print(note, markup=False, highlight=False, soft_wrap=True)
