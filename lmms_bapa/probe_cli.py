"""The commands ``lmms-bapa probe ...``: probes from pictures that somebody has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from lmms_bapa.cli_errors import usage_errors
from lmms_bapa.errors import UsageError

if TYPE_CHECKING:
    from lmms_bapa.probes.captioned.sources import Found
    from lmms_bapa.runs.probe_build import Built

app = typer.Typer(help="Makes probes from your own pictures.", no_args_is_help=True)
console = Console()


@app.command()
def build(
    output: Annotated[Path, typer.Option(help="Folder to make: pictures, questions, YAML.")],
    pictures: Annotated[Path | None, typer.Option(help="Folder of pictures.")] = None,
    captions: Annotated[
        Path | None, typer.Option(help="Their captions: JSON lines, JSON or CSV.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Instead: a data set of the hub, or a local folder.")
    ] = None,
    subset: Annotated[str | None, typer.Option(help="Configuration of the data set.")] = None,
    split: Annotated[str | None, typer.Option(help="Split, if there are several.")] = None,
    first: Annotated[int | None, typer.Option(min=1, help="Take so many rows of it.")] = None,
    emoji: Annotated[bool, typer.Option("--emoji", help="Instead: the system's emoji.")] = False,
    emoji_font: Annotated[
        str | None, typer.Option(help="Instead: the emoji of this font file.")
    ] = None,
    image_column: Annotated[str | None, typer.Option(help="Column of the pictures.")] = None,
    caption_column: Annotated[str | None, typer.Option(help="Column of the captions.")] = None,
    name: Annotated[str, typer.Option(help="Name of the task.")] = "own_probe",
    rows: Annotated[int, typer.Option(help="Grid of rows x rows pictures, 2 to 9.")] = 3,
    groups: Annotated[int, typer.Option(help="Groups of 2 x rows x rows questions.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed, other questions.")] = 0,
    canvas: Annotated[int, typer.Option(help="Side of the canvas in pixels.")] = 840,
    distractors: Annotated[
        str, typer.Option(help="random, or hard: captions most like the key's.")
    ] = "random",
) -> None:
    """Builds a probe: is the picture with this caption on the canvas, wherever it stands?"""
    with usage_errors():
        from pydantic import ValidationError

        from lmms_bapa.probes.captioned.spec import CaptionedSpec
        from lmms_bapa.runs.probe_build import build as run
        from lmms_bapa.runs.probe_build import check_target
        from lmms_bapa.validation import one_line

        try:
            spec = CaptionedSpec.model_validate(
                {
                    "rows": rows,
                    "canvas": canvas,
                    "groups": groups,
                    "seed": seed,
                    "distractors": distractors,
                }
            )
        except ValidationError as error:
            raise UsageError(f"--{one_line(error, CaptionedSpec)}") from error
        _check_sources(
            folder=pictures or captions,
            dataset=dataset,
            emoji=emoji or emoji_font,
            of_dataset=[subset, split, first],
            columns=[image_column, caption_column],
        )
        check_target(output, name)
        found: Found
        if dataset is not None:
            from lmms_bapa.probes.captioned.sources import from_dataset

            with console.status(f"loading {dataset}"):
                found = from_dataset(dataset, subset, split, image_column, caption_column, first)
        elif emoji or emoji_font:
            from lmms_bapa.probes.captioned.emoji import from_emoji

            found = from_emoji(emoji_font)
        else:
            from lmms_bapa.probes.captioned.sources import from_folder

            if pictures is None or captions is None:
                raise UsageError("--pictures and --captions belong together: give both")
            found = from_folder(pictures, captions, image_column, caption_column)
        with Progress(console=console, transient=True) as progress:
            made = run(found, spec, output, name, progress)
    _tell(made, output, name)


def _check_sources(
    *,
    folder: object,
    dataset: object,
    emoji: object,
    of_dataset: list[object],
    columns: list[object],
) -> None:
    if sum(bool(source) for source in (folder, dataset, emoji)) != 1:
        raise UsageError(
            "give one source of pictures: --pictures with --captions, --dataset, or --emoji"
        )
    if not dataset and any(option is not None for option in of_dataset):
        raise UsageError("--subset, --split and --first belong to --dataset")
    if emoji and any(columns):
        raise UsageError("emoji have no columns: leave --image-column and --caption-column out")


@app.command()
def import_laion(
    json: Annotated[Path, typer.Option(help="The rows: a JSON list or JSON lines.")],
    images: Annotated[Path, typer.Option(help="Folder of the canvases.")],
    output: Annotated[Path, typer.Option(help="Folder to make.")],
) -> None:
    """Takes a local copy of the paper's published probe in, checked, as a task."""
    with usage_errors():
        from lmms_bapa.runs.probe_import import TASK
        from lmms_bapa.runs.probe_import import import_laion as run

        with Progress(console=console, transient=True) as progress:
            made = run(json, images, output, progress)
    _tell(made, output, TASK)


def _tell(made: Built, output: Path, name: str) -> None:
    for remark in made.remarks:
        console.print(f"Note: {remark}", soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{output}: {made.questions} questions, {made.pictures} pictures. Run it:\n"
        f"lmms-eval --model llava_bapa --model_args pretrained=llava-hf/llava-1.5-7b-hf "
        f"--include_path {output} --tasks {name}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
