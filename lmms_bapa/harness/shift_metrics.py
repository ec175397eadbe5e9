"""The figures of a shifted task, in the form in which the harness asks for them."""

from __future__ import annotations

import argparse
import copy
import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loguru import logger

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.verdicts import verdict
from lmms_bapa.metrics import placements as scores
from lmms_bapa.metrics.placements import Placed, PlacementScores, Record
from lmms_bapa.metrics.replies import chance, is_readable, options_in
from lmms_bapa.shift.spec import ORIGINAL, ShiftSpec
from lmms_bapa.validation import nearest, reason

VERDICTS = ("flip_rate", "right_everywhere", "right_somewhere")


@dataclass(frozen=True)
class Figure:
    """One metric as the harness knows it."""

    aggregate: Callable[..., Any]
    higher_is_better: bool


def figures(
    base: Mapping[str, Callable[..., Any]],
    higher_is_better: Mapping[str, bool],
    spec: ShiftSpec,
    scorer_args: Callable[[str], Any],
    score_key: str = "score",
) -> dict[str, Figure]:
    """All metrics of a shifted task.

    For every metric of the base task: ``_original`` is the base task's own figure, on the
    unshifted pictures; ``_placements`` has it for every place, and ``_mean``, ``_worst``,
    ``_range`` and ``_std`` (population) are taken over the places, without the original.

    Args:
        base: aggregations of the base task.
        higher_is_better: for each of them.
        spec: how it is shifted.
        scorer_args: the command line that a scorer sees at a place.
        score_key: the base task's name for a score within a record.
    """
    shifted = spec.names[1:]
    found: dict[str, Figure] = {}
    for name, aggregate in base.items():
        better = higher_is_better[name]
        found[f"{name}_original"] = Figure(aggregate, better)
        if not shifted:
            continue
        scorer = partial(_at_place, aggregate, scorer_args, name)
        by_place = PlacementScores(scorer, shifted)
        found[f"{name}_placements"] = Figure(by_place.__call__, better)
        if writes_files(name):
            continue
        worst = partial(scores.worst, higher_is_better=better)
        found[f"{name}_mean"] = Figure(_over(by_place, scores.mean, name), better)
        found[f"{name}_worst"] = Figure(_over(by_place, worst, name), better)
        found[f"{name}_range"] = Figure(_over(by_place, scores.spread, name), False)
        found[f"{name}_std"] = Figure(_over(by_place, scores.std, name), False)
    if shifted:
        flips = partial(scores.flip_rate, original=ORIGINAL)
        found["flip_rate"] = Figure(_verdict(flips, spec, is_first=True), False)
        found["right_everywhere"] = Figure(_verdict(scores.right_everywhere, spec), True)
        found["right_somewhere"] = Figure(_verdict(scores.right_somewhere, spec), True)
    found["unparsed"] = Figure(partial(_mean_score, score_key=score_key), False)
    found["chance"] = Figure(_mean_chance, True)
    return found


def check_names(spec: ShiftSpec, metrics: list[str], score_key: str) -> None:
    """Refuses a verdict that no metric has, and a name for scores that our own records use.

    Raises:
        UsageError: with the metrics that there are.
    """
    if spec.verdict is not None and spec.verdict not in metrics:
        raise UsageError(f"shift.verdict={spec.verdict!r}: {nearest(spec.verdict, metrics)}")
    if score_key in Placed("", 0, None).record():
        raise UsageError(
            f"score_key: {score_key} is a name that the records of places use: choose another"
        )


def writes_files(metric: str) -> bool:
    """Whether a metric of the harness stands for a submission file, as its name says there."""
    return "submission" in metric


def arguments_for(args: Any, task: str, placement: str) -> argparse.Namespace:
    """The command line with another output folder, so that submission files do not collide.

    Returns:
        A copy with ``output_path`` = ``<output_path>/<task>/<placement>``.
    """
    copied: argparse.Namespace = copy.copy(args) if args is not None else argparse.Namespace()
    root = Path(getattr(args, "output_path", None) or ".")
    copied.output_path = str(root / task / placement)
    return copied


def records(
    spec: ShiftSpec,
    where: tuple[str, int],
    values: Mapping[str, Any],
    score_key: str,
    lower_is_better: Collection[str] = (),
) -> dict[str, Any]:
    """What one reply adds to each figure.

    Args:
        spec: how the task is shifted.
        where: place and number of the document.
        values: what the base task made of the reply, by metric.
        score_key: the base task's name for a score within a value.
        lower_is_better: metrics that count what is wrong.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if where[0] == ORIGINAL:
            found[f"{name}_original"] = value
            continue
        placed = Placed(*where, value)
        found[f"{name}_placements"] = placed.record()
        if not writes_files(name):
            found |= {f"{name}_{kind}": placed for kind in ("mean", "worst", "range", "std")}
    right = verdict(values, score_key, spec.verdict, lower_is_better)
    if len(spec.names) > 1:
        placed = Placed(*where, right)
        found |= dict.fromkeys(VERDICTS, placed)
        found[VERDICTS[0]] = placed.record()
    return found


@dataclass(frozen=True)
class Form:
    """What a reply to a question should be.

    Attributes:
        kind: ``letter``, ``yes_no`` or ``free``.
        options: the letters that the question offers.
    """

    kind: str
    options: str = ""


def form_of(spec: ShiftSpec, question: Any, target: Any) -> Form:
    """Tells by the options in the question and by the target, unless the YAML says it."""
    options, kind = options_in(str(question)), spec.replies
    if kind == "auto":
        yes_no = str(target).strip().lower().rstrip(".") in ("yes", "no")
        kind = "letter" if options else "yes_no" if yes_no else "free"
    if kind == "letter" and not options:
        kind = "free"
    return Form(kind, options)


def reply_records(
    where: tuple[str, int], form: Form, replies: Sequence[Any], score_key: str
) -> dict[str, Any]:
    """What one reply adds to ``unparsed``, and its question, once, to ``chance``.

    ``unparsed`` carries the place, since every sample has it.
    """
    placement, document = where
    reply: Any = replies
    while isinstance(reply, list | tuple):  # some filters keep all repeats of a question
        reply = reply[0] if reply else None
    reply = "" if reply is None else str(reply)
    unread = float(not is_readable(reply, form.kind, form.options))
    record = {"placement": placement, "document": document, score_key: unread}
    found: dict[str, Any] = {"unparsed": record}
    if placement == ORIGINAL:
        # Not a bare number: the harness would take a standard error from it.
        found["chance"] = Placed(placement, document, chance(form.kind, form.options))
    return found


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _mean_score(records: Sequence[Mapping[str, Any]], score_key: str) -> float:
    return _mean([record[score_key] for record in records])


def _mean_chance(records: Sequence[Placed]) -> float:
    """Over the questions that have a list to guess from."""
    return _mean([record.value for record in records if record.value is not None])


def _at_place(
    aggregate: Callable[..., Any],
    scorer_args: Callable[[str], Any],
    metric: str,
    values: list[Any],
    placement: str,
) -> Any:
    arguments = scorer_args(placement)
    takes_arguments = "args" in inspect.signature(aggregate).parameters
    try:
        figure = aggregate(values, args=arguments) if takes_arguments else aggregate(values)
    except Exception as error:  # one place must not cost the replies at all others
        kind = type(error).__name__
        logger.warning(f"{metric} at {placement}: no figure, its scorer failed ({kind}: "
                       f"{reason(error)})")  # fmt: skip
        return math.nan
    if writes_files(metric) and figure is None:
        return arguments.output_path  # what there is to know of a file is where it went
    return float(figure) if scores.is_number(figure) else figure


def _over(
    by_place: PlacementScores, summarize: Callable[[Mapping[str, Any]], float], metric: str
) -> Callable[[Sequence[Record]], float]:
    def aggregate(records: Sequence[Record]) -> float:
        figures = by_place(records)
        odd = [value for value in figures.values() if not scores.is_number(value)]
        if odd and summarize is scores.mean:  # said once, not for every figure
            logger.warning(f"{metric} is {odd[0]!r}, not a number: no mean, worst, range and std")
        return summarize(figures)

    return aggregate


def _verdict(
    summarize: Callable[[scores.Verdicts], float], spec: ShiftSpec, is_first: bool = False
) -> Callable[[Sequence[Record]], float]:
    def aggregate(records: Sequence[Record]) -> float:
        found = scores.verdicts_by_document(records, spec.names)
        if not found and records and is_first:  # said once, not for every figure
            logger.warning(
                f"{', '.join(VERDICTS)}: none, as no score is plainly right or wrong; verdict: "
                "under shift: names another metric to look at"
            )
        return summarize(found)

    return aggregate
