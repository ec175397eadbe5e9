"""The tables and figures of one task, made once for the page and for the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmms_bapa.report.pictures import (
    Picture,
    curve_picture,
    map_pictures,
    place_picture,
    setting_picture,
)
from lmms_bapa.report.sentences import task_finding
from lmms_bapa.report.strength import Curve
from lmms_bapa.report.study import Flips, Study, TaskStudy
from lmms_bapa.report.tables import Table, further_table, place_table, score_table, spread_table


@dataclass(frozen=True)
class Part:
    """What the report shows of one task.

    Attributes:
        task: its name.
        finding: sentences.
        score_table: settings with scores and differences.
        spread_table: settings with their spread; None without places.
        further_table: further figures; None if there are none.
        place_table: by place; None without places.
        setting_picture: scores and spreads with intervals.
        map_pictures: heat maps; none where places are not the cells of a grid.
        place_picture: bars; None where heat maps say it all.
        curves: against numeric options.
        flips: None without places.
    """

    task: str
    finding: Sequence[str]
    score_table: Table
    spread_table: Table | None
    further_table: Table | None
    place_table: Table | None
    setting_picture: Picture
    map_pictures: Sequence[Picture]
    place_picture: Picture | None
    curves: Sequence[Picture]
    flips: Flips | None

    @property
    def tables(self) -> list[Table]:
        """All of them."""
        found = (self.score_table, self.spread_table, self.further_table, self.place_table)
        return [table for table in found if table is not None]

    @property
    def pictures(self) -> list[Picture]:
        """All of them."""
        places = [] if self.place_picture is None else [self.place_picture]
        return [self.setting_picture, *self.map_pictures, *places, *self.curves]


def make_parts(study: Study, curves: Sequence[Curve]) -> Iterator[Part]:
    """Draws the figures and fills the tables, task by task."""
    for number, task in enumerate(study.tasks):
        yield _part(task, study.stock, curves, _stem(number, study))


def _stem(number: int, study: Study) -> str:
    """A file name for a task; two tasks never share one."""
    names = [re.sub(r"[^\w.-]+", "_", other.task) for other in study.tasks]
    return names[number] if names.count(names[number]) == 1 else f"{names[number]}_{number + 1}"


def _part(task: TaskStudy, stock: str | None, curves: Sequence[Curve], stem: str) -> Part:
    drawn = (curve_picture(task, curve, stem) for curve in curves)
    return Part(
        task=task.task,
        finding=task_finding(task, stock),
        score_table=score_table(task, stock, stem),
        spread_table=spread_table(task, stem) if task.has_places else None,
        further_table=further_table(task, stem),
        place_table=place_table(task, stem) if task.has_places else None,
        setting_picture=setting_picture(task, stock, stem),
        map_pictures=map_pictures(task, stem),
        place_picture=place_picture(task, stock, stem),
        curves=[picture for picture in drawn if picture is not None],
        flips=task.flips,
    )
