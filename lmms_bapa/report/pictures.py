"""The figures of a report, each in two widths: for a page and for a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmms_bapa.plots.curves import CurvePanel, Line, draw_curves
from lmms_bapa.plots.intervals import IntervalPanel, draw_intervals
from lmms_bapa.plots.maps import draw_maps
from lmms_bapa.plots.places import draw_places
from lmms_bapa.plots.surface import PERCENT, Scale, arrange, as_png, as_svg
from lmms_bapa.report.numbers import SHARE
from lmms_bapa.report.strength import Curve
from lmms_bapa.report.study import TaskStudy
from lmms_bapa.statistics.figures import Interval, PlaceFigures

WIDE, NARROW = 9.0, 3.7  # inches


@dataclass(frozen=True)
class Picture:
    """One figure.

    Attributes:
        name: of its files.
        alt: says what is seen, for those who do not see it.
        caption: stands below it.
        wide: SVG for a page.
        narrow: SVG for a phone.
        png: as ``wide``.
    """

    name: str
    alt: str
    caption: str
    wide: bytes
    narrow: bytes
    png: bytes


def _picture(name: str, alt: str, caption: str, draw: Callable[[float], Any]) -> Picture:
    wide, narrow = arrange(draw(WIDE)), arrange(draw(NARROW))
    return Picture(name, alt, caption, as_svg(wide), as_svg(narrow), as_png(wide))


def _places(task: TaskStudy) -> dict[str, PlaceFigures]:
    return {label: f.places for label, f in task.figures.items() if f.places is not None}


def _grid(values: Sequence[float], side: int) -> list[list[float]]:
    return [list(values[i * side : (i + 1) * side]) for i in range(side)]


def setting_picture(task: TaskStudy, stock: str | None, stem: str) -> Picture:
    """Score and spread of all settings, with intervals."""
    unit, labels = task.unit, list(task.figures)
    metric = next(iter(task.figures.values())).metric.replace("_", " ")
    panels = [
        IntervalPanel(metric, unit.axis, [f.score for f in task.figures.values()], (), unit.factor)
    ]
    if task.has_places:
        nothing = Interval(float("nan"))
        places = [f.places for f in task.figures.values()]
        spreads = [nothing if p is None else p.std for p in places]
        chance = [nothing if p is None else p.chance_std for p in places]
        panels.append(
            IntervalPanel(
                "spread over places",
                "points" if unit is SHARE else unit.axis,
                spreads,
                chance,
                unit.factor,
            )
        )
    number = labels.index(stock) if stock in labels else None
    values = "; ".join(f"{label} {unit.number(f.score.value)}" for label, f in task.figures.items())
    caption = f"{task.task}: each setting with its 95 % interval."
    if number is not None:
        caption += " The dotted line is the stock model."
    if task.has_places:
        caption += " Grey bars: the spread that chance alone gives at this sample size."
    return _picture(
        f"settings_{stem}",
        f"{task.task}, {metric} by setting: {values}.",
        caption,
        lambda width: draw_intervals(labels, panels, width, number),
    )


def map_pictures(task: TaskStudy, stem: str) -> list[Picture]:
    """Heat maps of all settings on one scale: of the score and, if known, of the AUROC."""
    places = {label: p for label, p in _places(task).items() if p.rows is not None}
    if not places:
        return []
    values = {label: [i.value for i in p.score] for label, p in places.items()}
    label = "right answers, %" if task.unit is SHARE else "score"
    scale = PERCENT if task.unit is SHARE else _range(values)
    caption = f"{task.task}: score per cell of the image, all settings on one scale."
    pictures = [_maps(f"maps_{stem}", caption, values, places, label, scale)]
    areas = {label: list(p.auroc) for label, p in places.items() if p.auroc}
    if areas:
        caption = (
            f"{task.task}: AUROC per cell, × 100 (50 is guessing). It does not change when a model "
            "merely says Yes more often."
        )
        pictures.append(_maps(f"maps_auroc_{stem}", caption, areas, places, "AUROC × 100", PERCENT))
    return pictures


def _maps(
    name: str,
    caption: str,
    values: Mapping[str, Sequence[float]],
    places: Mapping[str, PlaceFigures],
    label: str,
    scale: Scale,
) -> Picture:
    grids = {key: _grid(own, places[key].rows or 1) for key, own in values.items()}
    alt = "; ".join(
        f"{key}: " + " / ".join(" ".join(map(scale.text, row)) for row in grid)
        for key, grid in grids.items()
    )
    return _picture(
        name,
        f"Heat maps, rows from the top. {alt}.",
        caption,
        lambda width: draw_maps(grids, width, label, scale),
    )


def _range(values: Mapping[str, Sequence[float]]) -> Scale:
    known = [v for own in values.values() for v in own if v == v]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return Scale(1, low, high if high > low else low + 1, 2)


def place_picture(task: TaskStudy, stock: str | None, stem: str) -> Picture | None:
    """Bars over the places of tasks whose places are named; None for the others."""
    places = _places(task)
    if not places or all(_is_plain_grid(p) for p in places.values()):
        return None
    names = list(next(iter(places.values())).names)
    scores = {label: p.score for label, p in places.items()}
    alt = "; ".join(
        f"{label}: " + ", ".join(task.unit.number(i.value) for i in own)
        for label, own in scores.items()
    )
    caption = f"{task.task}: score at each place, with 95 % intervals."
    if stock in scores and len(scores) > 1:
        caption += " Dark lines repeat the stock model."
    return _picture(
        f"places_{stem}",
        f"Bars over the places {', '.join(names)}. {alt}.",
        caption,
        lambda width: draw_places(names, scores, width, task.unit.axis, task.unit.factor, stock),
    )


def _is_plain_grid(places: PlaceFigures) -> bool:
    """Cells of a probe, for which heat maps say it all."""
    return places.rows is not None and all(n.startswith("row ") for n in places.names)


def curve_picture(task: TaskStudy, curve: Curve, stem: str) -> Picture | None:
    """Score and spread against an option; None if the task lacks the settings."""
    unit = task.unit
    lines, spreads, chances = [], [], []
    for name, points in curve.lines.items():
        known = {x: task.figures[label] for x, label in points.items() if label in task.figures}
        if len(known) < 2:
            continue
        lines.append(Line(name, list(known), [f.score for f in known.values()]))
        placed = {x: f.places for x, f in known.items() if f.places is not None}
        spreads.append(Line(name, list(placed), [p.std for p in placed.values()]))
        chances.append(Line(name, list(placed), [p.chance_std for p in placed.values()]))
    if not lines:
        return None
    metric = next(iter(task.figures.values())).metric.replace("_", " ")
    panels = [CurvePanel(metric, unit.axis, lines, (), unit.factor)]
    if task.has_places:
        points_unit = "points" if unit is SHARE else unit.axis
        panels.append(CurvePanel("spread over places", points_unit, spreads, chances, unit.factor))
    alt = "; ".join(
        f"with {line.label}: "
        + ", ".join(
            f"{unit.number(i.value)} at {x:g}" for x, i in zip(line.x, line.intervals, strict=True)
        )
        for line in lines
    )
    return _picture(
        f"curve_{curve.option}_{stem}",
        f"{metric} against {curve.option}. {alt}.",
        f"{task.task} against {curve.option}, one line for each combination of the other options; "
        "bands are 95 % intervals.",
        lambda width: draw_curves(panels, curve.option, width),
    )
