"""``lmms-bapa power``: how many groups a run needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lmms_bapa.cli_errors import usage_errors
from lmms_bapa.errors import UsageError

if TYPE_CHECKING:
    from lmms_bapa.results.power import Needed, Rates


def power(
    spread: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=0.5, help="Standard deviation over places to find: 0.05 is 5 points."
        ),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(min=0.0001, max=1.0, help="Difference of two settings' accuracies to find."),
    ] = None,
    from_run: Annotated[
        Path | None, typer.Option("--from", help="A pilot run to take the rates from.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="The pilot's task, if it has several.")] = None,
    accuracy: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Share of right answers. Default: 0.85.")
    ] = None,
    places: Annotated[
        int | None, typer.Option(min=2, help="Places that each group is asked at. Default: 9.")
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(min=1, help="Questions per group. Default: 18, as the 3 x 3 probes have."),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.99, help="Correlation of answers in a group. Default: 0.2."),
    ] = None,
    paired: Annotated[
        float,
        typer.Option(
            min=-0.99, max=0.99, help="Correlation of two settings' answers to one question."
        ),
    ] = 0.5,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Level of the test.")] = 0.05,
    power: Annotated[
        float, typer.Option(min=0.05, max=0.999, help="Probability of finding what is there.")
    ] = 0.8,
    simulations: Annotated[int, typer.Option(min=100, help="For --spread.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 0,
) -> None:
    """Tells how many groups are needed to see a spread over places, or a difference.

    A group is a set of pictures with all questions about it. A spread is found by simulation and
    Cochran's Q; a difference by lmms-eval's formula for paired questions and the design effect of
    groups; docs/statistics.md.

    Example: lmms-bapa power --spread 0.05 --difference 0.03 --from runs/pilot
    """
    console = Console()
    with usage_errors():
        if spread is None and difference is None:
            raise UsageError("nothing to look for: give --spread 0.05, --difference 0.03, or both")
        if task is not None and from_run is None:
            raise UsageError("--task has no effect without --from: add it, or leave --task out")
        with console.status("simulating"):
            from lmms_bapa.results import power as sizes

            rates = sizes.Rates() if from_run is None else sizes.rates_of(from_run, task)
            given: dict[str, Any] = {"accuracy": accuracy, "places": places}
            given |= {"questions": questions, "within": within}
            if accuracy is not None:
                rates = replace(rates, place_accuracy=None)
            rates = replace(rates, **{k: v for k, v in given.items() if v is not None})
            lines = [_design(rates)]
            if spread is not None:
                found = sizes.for_spread(spread, rates, alpha, power, simulations, seed)
                what = f"a spread of {100 * spread:g} points"
                lines.append(_told(what, found, alpha, power, f"{simulations:,} simulations"))
            if difference is not None:
                found = sizes.for_difference(difference, rates, paired, alpha, power)
                what = f"a difference of {100 * difference:g} points"
                lines.append(_told(what, found, alpha, power, f"correlation of pairs {paired:g}"))
        for line in lines:
            console.print(line, highlight=False)


def _design(rates: Rates) -> str:
    at = rates.accuracy if rates.place_accuracy is None else rates.place_accuracy
    return (
        f"Groups of {rates.questions:g} questions at {rates.places} place(s), "
        f"{100 * rates.accuracy:.1f} % right ({100 * at:.1f} % at the places), correlation in a "
        f"group {rates.within:.2f}."
    )


def _told(what: str, found: Needed, alpha: float, power: float, how: str) -> str:
    aim = f"with a power of {100 * power:g} % at the level of {100 * alpha:g} %"
    if found.groups is None:
        return f"To find {what} {aim}: more than 20,000 groups ({how})."
    text = (
        f"To find {what} {aim}: [bold]{found.groups:,} groups[/], {found.questions:,} questions "
        f"({how})."
    )
    if found.pilot_power is not None:
        text += f" The pilot's size finds it in {100 * found.pilot_power:.0f} % of runs."
    return text
