"""The findings in words, made from the numbers alone. Nothing is claimed that is not shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lmms_bapa.report.numbers import AREA, SHARE, Unit, code, is_small, p_clause
from lmms_bapa.report.study import Study, TaskStudy
from lmms_bapa.statistics.figures import Comparison, Interval, TaskFigures

_NAMED = 3  # settings that a sentence lists


def headline(study: Study) -> list[str]:
    """How many comparisons there are, and how many show anything."""
    comparisons = [c for task in study.tasks for c in task.comparisons.values()]
    count = len(study.settings)
    settings = "1 setting" if count == 1 else f"{count} settings"
    tasks = "1 task" if len(study.tasks) == 1 else f"{len(study.tasks)} tasks"
    opening = f"{study.model}, {settings}, {tasks}."
    if not comparisons:
        return [opening, "There is nothing to compare with, so nothing is said about differences."]
    scores = sum(c.is_shown for c in comparisons)
    spreads = [c for c in comparisons if c.std_difference is not None]
    shown = sum(c.is_spread_shown for c in spreads)
    said = f"Of {_count(comparisons, 'comparison')} of scores with the stock model, {scores} "
    said += f"{'shows' if scores == 1 else 'show'} a difference"
    if spreads:
        said += f"; of {len(spreads)} of the spread over places, {shown} "
        said += "does" if shown == 1 else "do"
    return [opening, f"{said} (5 % level, Holm's correction)."]


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


def task_finding(task: TaskStudy, stock: str | None) -> list[str]:
    """What one task shows: the stock model first, then what the settings change."""
    first = stock if stock is not None and stock in task.figures else next(iter(task.figures))
    figures = task.figures[first]
    said = [_level(first == stock, first, figures, task.unit)]
    if figures.places is not None:
        said.append(_places(figures, task.unit))
    if task.comparisons:
        said += _scores(task)
        said += _spreads(task)
        said += _thresholds(task, first)
    return said


def _level(is_stock: bool, label: str, figures: TaskFigures, unit: Unit) -> str:
    who = "the stock model" if is_stock else f"the setting {code(label)}"
    of = f"{figures.questions:,} questions"
    if figures.groups not in (0, figures.questions):
        of += f" in {figures.groups:,} groups"
    score = "nothing" if math.isnan(figures.score.value) else unit.number(figures.score.value)
    told = figures.metric.replace("_", " ")
    ends = unit.ends(figures.score)
    if ends:
        told += f", {round(100 * figures.score.level)} % interval {ends}"
    return f"{figures.task}: {who} scores {score}{unit.name} ({told}) on {of}."


def _places(figures: TaskFigures, unit: Unit) -> str:
    places = figures.places
    assert places is not None
    scores = [(score.value, name) for name, score in zip(places.names, places.score, strict=True)]
    scores = [pair for pair in scores if not math.isnan(pair[0])]
    if not scores:
        return "No place has a figure."
    low, worst = min(scores, key=lambda pair: pair[0])
    high, best = max(scores, key=lambda pair: pair[0])
    said = (
        f"By place it goes from {unit.number(low)}{unit.name} ({worst}) to "
        f"{unit.number(high)}{unit.name} ({best})"
    )
    chance = places.chance_std
    said += f"; the spread is {unit.number(places.std.value)}{unit.difference}"
    if not math.isnan(chance.high):
        said += f", where chance alone would give {unit.ends(chance)}"
    if math.isnan(places.matters_p):
        return said + "."
    verdict = "position matters" if is_small(places.matters_p) else "no effect of position is shown"
    return f"{said}: {verdict} ({p_clause(places.matters_p)})."


def _scores(task: TaskStudy) -> list[str]:
    shown = [c for c in task.comparisons.values() if c.is_shown]
    said = []
    for verb, sign in (("raised", 1), ("lowered", -1)):
        found = [c for c in shown if c.difference.value * sign > 0]
        found.sort(key=lambda c: -abs(c.difference.value))
        if found:
            said.append(f"The score is {verb} by {_listed(found, 'score', task.unit)}.")
    rest = len(task.comparisons) - len(shown)
    if rest:
        said.append(f"No difference of the score is shown for {_others(rest, len(shown))}.")
    return said


def _spreads(task: TaskStudy) -> list[str]:
    compared = [c for c in task.comparisons.values() if c.std_difference is not None]
    shown = [c for c in compared if c.is_spread_shown]
    said = []
    for verb, sign in (("reduced", -1), ("increased", 1)):
        found = [c for c in shown if _spread(c).value * sign > 0]
        found.sort(key=lambda c: -abs(_spread(c).value))
        if found:
            said.append(f"The spread is {verb} by {_listed(found, 'spread', task.unit)}.")
    costly = [c for c in shown if _spread(c).value < 0 and _is_loss(c)]
    if costly:
        names = _joined([code(c.second) for c in costly])
        said.append(f"It comes at the cost of a worse score with {names}.")
    rest = len(compared) - len(shown)
    if rest:
        said.append(f"No difference of the spread is shown for {_others(rest, len(shown))}.")
    return said


def _is_loss(comparison: Comparison) -> bool:
    return comparison.is_shown and not comparison.is_gain


def _spread(comparison: Comparison) -> Interval:
    assert comparison.std_difference is not None
    return comparison.std_difference


def _others(count: int, shown: int) -> str:
    other = "other " if shown else ""
    return f"the {other}setting" if count == 1 else f"the {count} {other}settings"


def _listed(found: Sequence[Comparison], kind: str, unit: Unit) -> str:
    parts = []
    for c in found[:_NAMED]:
        difference, p = (c.difference, c.p_holm) if kind == "score" else (_spread(c), c.std_p_holm)
        number = unit.number(difference.value, sign=True)
        ends = unit.ends(difference, sign=True)
        interval = f", {ends}" if ends else ""
        parts.append(f"{code(c.second)} ({number}{unit.difference}{interval}; {p_clause(p)})")
    return _joined([*parts, *[""] * (len(found) - len(parts))])


def _thresholds(task: TaskStudy, stock: str) -> list[str]:
    """Whether gains may be nothing but a model that says Yes more often."""
    base = task.figures[stock].extra
    said, evener, unknown = [], [], []
    for c in task.comparisons.values():
        own = task.figures[c.second].extra
        is_evener = c.is_spread_shown and _spread(c).value < 0
        if not (c.is_gain or is_evener) or not _says_yes_more_often(c, base, own):
            continue
        rate = f"{code(c.second)} ({SHARE.number(own['yes_rate'].value)} %)"
        if "auroc" not in base or "auroc" not in own:
            unknown.append(rate)
        elif c.is_gain and not _is_auroc_gain(c, base["auroc"], own["auroc"]):
            said.append(
                f"{code(c.second)} says Yes more often ({SHARE.number(own['yes_rate'].value)} % "
                f"instead of {SHARE.number(base['yes_rate'].value)} %) and shows no gain of AUROC "
                f"({AREA.number(own['auroc'].value)} instead of "
                f"{AREA.number(base['auroc'].value)}): its higher score may be a shift of "
                "the threshold."
            )
        elif is_evener and not _is_auroc_evener(c):
            evener.append(rate)
    if not (evener or unknown):
        return said
    often = f"more often than the stock model ({SHARE.number(base['yes_rate'].value)} %)"
    if evener:
        said.append(
            f"{_joined(evener)} {_say(evener)} Yes {often}, and no AUROC more even over the places "
            "is shown: the smaller spread may be a shift of the threshold."
        )
    if unknown:
        said.append(
            f"{_joined(unknown)} {_say(unknown)} Yes {often}; without margins in the sample log "
            "this cannot be told from a shift of the threshold."
        )
    return said


def _say(names: Sequence[str]) -> str:
    return "says" if len(names) == 1 else "say"


def _joined(names: Sequence[str]) -> str:
    parts = list(names[:_NAMED])
    if len(names) > _NAMED:
        parts.append(f"{len(names) - _NAMED} more")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _says_yes_more_often(
    comparison: Comparison, base: Mapping[str, Interval], own: Mapping[str, Interval]
) -> bool:
    """By the paired interval of the difference, else by the two values."""
    if "yes_rate" not in base or "yes_rate" not in own:
        return False
    difference = comparison.extra.get("yes_rate")
    if difference is not None and not math.isnan(difference.low):
        return difference.low > 0
    return own["yes_rate"].value > base["yes_rate"].value


def _is_auroc_gain(comparison: Comparison, base: Interval, own: Interval) -> bool:
    """By the paired interval of the difference, else by the stock model's own interval."""
    difference = comparison.extra.get("auroc")
    if difference is not None and not math.isnan(difference.low):
        return difference.low > 0
    return own.value > (base.value if math.isnan(base.high) else base.high)


def _is_auroc_evener(comparison: Comparison) -> bool:
    difference = comparison.extra.get("auroc_std")
    return difference is not None and difference.high < 0


def verdict(comparison: Comparison) -> str:
    """One comparison in a few words, for a table."""
    if math.isnan(comparison.p_holm):
        return "not testable"
    if not comparison.is_shown:
        return "no difference shown"
    return "better" if comparison.is_gain else "worse"
