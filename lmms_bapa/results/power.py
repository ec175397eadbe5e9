"""How large a run has to be, from stated rates or from those of a pilot run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lmms_bapa.errors import UsageError
from lmms_bapa.results.folders import read_run
from lmms_bapa.results.scores import read_scores
from lmms_bapa.results.task_figures import Tables
from lmms_bapa.statistics.intervals import is_binary
from lmms_bapa.statistics.power import (
    Design,
    design_effect,
    groups_for_spread,
    spread_power,
    within_correlation,
)


@dataclass(frozen=True)
class Rates:
    """What the size of a run depends on.

    Attributes:
        accuracy: share of right answers.
        places: places that each group is asked at.
        questions: questions per group, those without a place among them.
        within: correlation of two answers of one group.
        place_accuracy: share of right answers at the places; the probes ask for absent pictures,
            too, which are at none. None: as ``accuracy``.
        groups: of the pilot run; None without one.
    """

    accuracy: float = 0.85
    places: int = 9
    questions: float = 18
    within: float = 0.2
    place_accuracy: float | None = None
    groups: int | None = None


@dataclass(frozen=True)
class Needed:
    """An answer.

    Attributes:
        groups: so many are needed; None: more than were tried.
        questions: in them.
        pilot_power: what the pilot's own number of groups gives; None without a pilot.
    """

    groups: int | None
    questions: int | None
    pilot_power: float | None = None


def rates_of(path: Path, task: str | None = None) -> Rates:
    """The rates of a pilot run.

    Raises:
        UsageError: it cannot be read, has several tasks, or scores that are not 0 or 1.
    """
    run = read_run(path)
    if task is None and len(run.tasks) > 1:
        raise UsageError(f"{path}: has several tasks, name one by --task: {', '.join(run.tasks)}")
    chosen = task or next(iter(run.tasks or run.results["configs"]), "")
    scores = read_scores(run, chosen)
    known = scores.score[~np.isnan(scores.score)]
    if not is_binary(known) or not known.size:
        raise UsageError(f"{path}: the scores of {chosen} are not 0 or 1: give the rates yourself")
    rates = Rates(
        accuracy=float(known.mean()),
        places=max(1, len(scores.places)),
        questions=known.size / scores.groups,
        within=0.0,
        groups=scores.groups,
    )
    table = Tables(scores).places
    if table is None or not table.complete.sum() > 1:
        return rates
    whole = table.sums[table.complete] / table.counts[table.complete]
    return replace(rates, within=within_correlation(whole), place_accuracy=float(whole.mean()))


def check_rates(rates: Rates) -> None:
    """Refuses rates with which nothing can be planned.

    Raises:
        UsageError: all is right, or all is wrong, so that nothing varies.
    """
    for value in (rates.accuracy, rates.place_accuracy):
        if value is not None and not 0 < value < 1:
            raise UsageError(
                f"an accuracy of {value:g} leaves nothing to vary: give --accuracy between 0 and 1"
            )


def for_spread(
    spread: float,
    rates: Rates,
    alpha: float = 0.05,
    power: float = 0.8,
    simulations: int = 1000,
    seed: int = 0,
) -> Needed:
    """Groups to find that position matters, if the places differ by ``spread``.

    Raises:
        UsageError: the spread does not fit round the accuracy, or there is a single place.
    """
    check_rates(rates)
    if rates.places < 2:
        raise UsageError("a spread needs two places or more: this task has none")
    level = rates.accuracy if rates.place_accuracy is None else rates.place_accuracy
    try:
        design = Design.of(level, spread, rates.places, rates.within)
    except ValueError as error:
        raise UsageError(f"--spread {spread:g}: {error}") from error
    groups = groups_for_spread(design, alpha, power, simulations, seed)
    pilot = None
    if rates.groups is not None:
        pilot = spread_power(design, rates.groups, alpha, simulations, seed)
    return Needed(groups, None if groups is None else round(groups * rates.questions), pilot)


def for_difference(
    difference: float, rates: Rates, paired: float = 0.5, alpha: float = 0.05, power: float = 0.8
) -> Needed:
    """Groups to find a difference of accuracies between two settings, by lmms-eval's formula.

    The paired questions of ``lmms_eval.api.metrics.power_analysis`` (Miller 2024, arXiv
    2411.00640, section 5) times the design effect of questions that come in groups.

    Args:
        difference: of the two accuracies.
        rates: of the first setting.
        paired: correlation of the two settings' answers to one question.
        alpha: level of the test, two-sided.
        power: probability of finding the difference.

    Raises:
        UsageError: the second accuracy would not be below 1.
    """
    from lmms_eval.api.metrics import power_analysis  # seconds to import

    check_rates(rates)
    other = rates.accuracy + difference
    if not 0 < other < 1:
        room = 1 - rates.accuracy
        raise UsageError(
            f"--difference {difference:g}: {rates.accuracy:g} leaves room for less than {room:g}"
        )
    effect = design_effect(rates.within, rates.questions)
    pilot = None if rates.groups is None else max(1, int(rates.groups * rates.questions / effect))
    found = power_analysis(
        difference,
        std_a=math.sqrt(rates.accuracy * (1 - rates.accuracy)),
        std_b=math.sqrt(other * (1 - other)),
        alpha=alpha,
        power=power,
        correlation=paired,
        current_n=pilot,
    )
    groups = math.ceil(found["min_n"] * effect / rates.questions)
    return Needed(groups, round(groups * rates.questions), found.get("current_power"))
