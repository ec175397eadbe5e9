"""Studies made by hand, for tests of the report: every number in them is chosen here."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import math
import tempfile
from pathlib import Path

from PIL import Image

from lmms_bapa.report.study import Flip, Flips, Side, Study, TaskStudy
from lmms_bapa.report.write import write_report
from lmms_bapa.statistics.figures import Comparison, Interval, PlaceFigures, TaskFigures

HOSTILE = "x=<script>alert('1')</script>&\"$a$|b"
NOTHING = Interval(math.nan)


def interval(value: float, half: float = 0.02) -> Interval:
    return Interval(value, value - half, value + half, "Wilson")


def places(
    scores: list[float], *, grid: bool = True, aurocs: tuple[float, ...] = ()
) -> PlaceFigures:
    side = math.isqrt(len(scores))
    if grid:
        names = [f"row {i // side + 1}, column {i % side + 1}" for i in range(len(scores))]
    else:
        names = [f"r{i // side + 1}c{i % side + 1}" for i in range(len(scores))]
    mean = math.fsum(scores) / len(scores)
    std = math.sqrt(math.fsum((s - mean) ** 2 for s in scores) / len(scores))
    return PlaceFigures(
        names=names,
        rows=side if grid else None,
        score=[interval(s) for s in scores],
        auroc=aurocs,
        std=interval(std, 0.01),
        range=interval(max(scores) - min(scores)),
        worst=interval(min(scores)),
        chance_std=Interval(0.015, 0.008, 0.024, "permutation"),
        matters_p=0.0002 if std > 0.03 else 0.41,
        matters_test="Cochran's Q",
        auroc_std=interval(0.012, 0.004) if aurocs else NOTHING,
    )


def figures(task: str, score: float, placed: PlaceFigures | None, **extra: float) -> TaskFigures:
    found = {name: interval(value, 0.01) for name, value in extra.items()}
    return TaskFigures(task, "accuracy", 900, 50, interval(score), placed, found)


def comparison(
    task: str, second: str, difference: float, p: float, spread: float | None, spread_p: float
) -> Comparison:
    return Comparison(
        task=task,
        metric="accuracy",
        first="off",
        second=second,
        questions=900,
        difference=interval(difference, 0.015),
        wins=31,
        losses=12,
        p=p / 4,
        test="exact McNemar",
        p_holm=p,
        std_difference=None if spread is None else interval(spread, 0.02),
        std_p=spread_p / 4,
        std_p_holm=spread_p,
        groups=50,
        p_groups=p / 4,
        p_groups_holm=p,
    )


def png(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (90, 90), colour).save(stream, "PNG")
    return stream.getvalue()


def study(hostile: str = HOSTILE) -> Study:
    """Two tasks, six settings, one of them with a hostile name."""
    settings = {
        "off": {},
        "agci_lambda=0.1": {"agci_lambda": "0.1"},
        "agci_lambda=0.3": {"agci_lambda": "0.3"},
        "bapa=true": {"bapa": "true"},
        "agci_lambda=0.3,bapa=true": {"agci_lambda": "0.3", "bapa": "true"},
        hostile: {"x": hostile.removeprefix("x=")},
    }
    uneven = [0.54, 0.9, 0.94, 0.92, 0.96, 0.98, 0.96, 0.94, 0.98]
    even = [0.94, 0.96, 0.95, 0.96, 0.97, 0.96, 0.95, 0.96, 0.97]
    aurocs = (0.9, 0.97, 0.98, 0.98, 0.99, 0.99, 0.98, 0.98, 0.99)
    rows = {
        "off": (0.928, uneven, 0.443, 0.981),
        "agci_lambda=0.1": (0.929, uneven, 0.444, 0.981),
        "agci_lambda=0.3": (0.921, uneven, 0.441, 0.980),
        "bapa=true": (0.950, even, 0.517, 0.982),
        "agci_lambda=0.3,bapa=true": (0.951, even, 0.514, 0.999),
        hostile: (0.30, even, 0.10, 0.70),
    }
    probe = {
        label: figures(
            "spatial_probe_lite", score, places(at, aurocs=aurocs), yes_rate=yes, auroc=auroc
        )
        for label, (score, at, yes, auroc) in rows.items()
    }
    shifted = {
        label: figures("pope_shift", score, places(at, grid=False))
        for label, (score, at, _, _) in rows.items()
    }
    found = {
        "agci_lambda=0.1": (0.001, 1.0, 0.0, 1.0),
        "agci_lambda=0.3": (-0.007, 0.3, 0.0, 1.0),
        "bapa=true": (0.022, 0.012, -0.117, 0.0004),
        "agci_lambda=0.3,bapa=true": (0.023, 0.009, -0.116, 0.0004),
        hostile: (-0.628, 0.0001, -0.116, 0.0004),
    }
    tasks = []
    for task, own in (("spatial_probe_lite", probe), ("pope_shift", shifted)):
        compared = {label: comparison(task, label, *values) for label, values in found.items()}
        tasks.append(TaskStudy(task, own, compared, flips() if task.startswith("sp") else None))
    return Study(
        name="example",
        model="micro-llava",
        settings=settings,
        tasks=tasks,
        facts=[("Model", "micro-llava"), ("Task spatial_probe_lite", "900 questions")],
        versions={"torch": "2.6.0", "lmms-eval": "0.7.3"},
        command="lmms-bapa sweep --grid agci_lambda=0,0.1,0.3 --tasks <b>",
        gaps=["The setting agci_lambda=1 is not finished: run the same sweep command again."],
    )


@functools.cache
def written() -> Path:
    """The folder of its report, made once for all tests."""
    folder = Path(_keep.enter_context(tempfile.TemporaryDirectory()))
    write_report(study(), folder)
    return folder


_keep = contextlib.ExitStack()
atexit.register(_keep.close)


def flips() -> Flips:
    sides = (
        Side("row 1, column 1", {"off": ("No", False), "bapa=true": ("Yes", True)}, png("red")),
        Side("row 3, column 3", {"off": ("Yes", True), "bapa=true": ("Yes", True)}, png("blue")),
    )
    flip = Flip("off", "Is there a <red> circle?", sides)
    return Flips({"off": (23, 50), "bapa=true": (3, 50)}, [flip], is_framed=True)
