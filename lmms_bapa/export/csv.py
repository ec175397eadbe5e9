"""``csv``: every figure of every setting, one a row, for spreadsheets and data frames."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from csv import DictWriter
from typing import ClassVar

from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source
from lmms_bapa.statistics.figures import Interval, TaskFigures

_COLUMNS = ("model", "setting", "task", "figure", "value", "low", "high", "level", "method")


@register
class Csv(Exporter):
    """One table, ``figures.csv``: shares are shares, and an empty cell is no data."""

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "figures.csv: every figure of every setting with its interval"

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        stream = io.StringIO()
        writer = DictWriter(stream, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        for run, task in source.pairs():
            about = {"model": source.model, "setting": run.label, "task": task}
            for figure, interval in _intervals(source.figures(run, task)):
                writer.writerow({**about, "figure": figure, **_cells(interval)})
        yield ExportFile.text("figures.csv", stream.getvalue())


def _intervals(figures: TaskFigures) -> Iterator[tuple[str, Interval]]:
    yield figures.metric, figures.score
    yield from figures.extra.items()
    if figures.places is None:
        return
    places = figures.places
    for name in ("std", "range", "worst", "auroc_std"):
        yield f"places {name}", getattr(places, name)
    for place, score in zip(places.names, places.score, strict=True):
        yield f"{figures.metric}, {place}", score


def _cells(interval: Interval) -> dict[str, float | str]:
    numbers = {name: getattr(interval, name) for name in ("value", "low", "high", "level")}
    if math.isnan(interval.low):
        numbers["level"] = math.nan
    cells: dict[str, float | str] = {k: "" if math.isnan(v) else v for k, v in numbers.items()}
    return {**cells, "method": interval.method}
