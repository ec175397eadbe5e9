"""The HTML page: one file that needs no other, without scripts."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from lmms_bapa import __version__
from lmms_bapa.report.numbers import CODE, NO_BREAK
from lmms_bapa.report.parts import Part
from lmms_bapa.report.sentences import headline
from lmms_bapa.report.strength import Curve, off_curve
from lmms_bapa.report.study import Study
from lmms_bapa.statistics.figures import Interval


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _svg_uri(content: bytes) -> str:
    return _uri("image/svg+xml", content)


def _png_uri(content: bytes) -> str:
    return _uri("image/png", content)


def _marked(sentences: str) -> Markup:
    """Escapes a text, and shows the names of settings in it as code."""
    text = escape(sentences)
    for mark, tag in zip(CODE, ("<code>", "</code>"), strict=True):
        text = text.replace(mark, Markup(tag))
    return text


def _breakable(label: str) -> Markup:
    """Lets a long setting break behind its commas, and nowhere else."""
    return escape(label).replace(",", Markup(",<wbr>"))


def _kept(cell: str) -> str:
    """Keeps numbers in one piece: lines break before brackets, and between words."""
    if not any(mark.isdigit() for mark in cell):
        return cell
    return cell.replace(" ", NO_BREAK).replace(f"{NO_BREAK}(", " (")


def render(study: Study, parts: Sequence[Part], curves: Sequence[Curve]) -> str:
    """Fills the template. All texts are escaped."""
    environment = Environment(
        loader=PackageLoader("lmms_bapa", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "svg_uri": _svg_uri,
        "png_uri": _png_uri,
        "marked": _marked,
        "breakable": _breakable,
        "kept": _kept,
    }
    page: str = environment.get_template("page.html.j2").render(
        study=study,
        parts=parts,
        version=__version__,
        headline=headline(study),
        has_places=any(part.place_table for part in parts),
        has_curves=any(part.curves for part in parts),
        has_flips=any(part.flips for part in parts),
        curve_remarks=_curve_remarks(study, curves),
        tests=_tests(study),
        intervals=_intervals(study),
    )
    return page


def _curve_remarks(study: Study, curves: Sequence[Curve]) -> list[str]:
    remarks = []
    for curve in curves:
        rest = off_curve(curve, list(study.settings))
        if rest:
            remarks.append(f"On no curve against {curve.option}: {', '.join(rest)}.")
    return remarks


def _tests(study: Study) -> list[str]:
    found = [c.test for task in study.tasks for c in task.comparisons.values() if c.test]
    return sorted(set(found))


def _intervals(study: Study) -> list[str]:
    """Methods behind the intervals, with what they are of."""
    found: dict[str, set[str]] = {}

    def add(what: str, interval: Interval | None) -> None:
        if interval is not None and interval.method:
            found.setdefault(what, set()).add(interval.method)

    for task in study.tasks:
        for figures in task.figures.values():
            add("scores", figures.score)
            if figures.places is not None:
                add("spreads", figures.places.std)
                for score in figures.places.score:
                    add("places", score)
        for comparison in task.comparisons.values():
            add("differences", comparison.difference)
            add("differences of spreads", comparison.std_difference)
    return [f"{what} {', '.join(sorted(methods))}" for what, methods in found.items()]
