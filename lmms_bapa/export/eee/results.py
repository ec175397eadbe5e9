"""The scores of one task of one run, each with its metric and its uncertainty."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lmms_bapa.export.eee.metrics import Metric, is_own_chance, metric_of
from lmms_bapa.export.eee.public import as_text
from lmms_bapa.metrics.placements import is_number
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.results.scores import Scores
from lmms_bapa.shift.spec import ORIGINAL, is_shifted
from lmms_bapa.statistics.bootstrap import RESAMPLES
from lmms_bapa.statistics.figures import Interval, TaskFigures

CLUSTERED = "clustered by group (arXiv 2411.00640, equation 4)"
_ASIDE = {"alias", "samples", "name", "sample_len", "sample_count", "task"}
_EXACT = 1e-9


@dataclass(frozen=True)
class Score:
    """One number that the harness reports.

    Attributes:
        metric: of what.
        filter: how the replies were read; ``none`` is as they were.
        value: the number.
    """

    metric: Metric
    filter: str
    value: float

    @property
    def id(self) -> str:
        """``evaluation_result_id``: unlike for every result of the record."""
        return self.metric.name if self.filter == "none" else f"{self.metric.name}:{self.filter}"


@dataclass(frozen=True)
class TaskScores:
    """What the harness reports of a task.

    Attributes:
        scores: the numbers, in its order.
        parts: what goes beside a score: lists and tables, such as the accuracy of each cell, and
            the level of chance.
        missing: metrics without a number: NaN, N/A or a text.
    """

    scores: list[Score] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def read_task(run: RunFolder, task: str) -> TaskScores:
    """Sorts what the results JSON says of a task; standard errors are no scores."""
    found = TaskScores()
    for key, value in (run.results["results"].get(task) or {}).items():
        name, _, filtered = key.partition(",")
        if name in _ASIDE or "_stderr" in name or value in ([], None, " "):
            continue
        is_finite = is_number(value) and math.isfinite(value)
        if is_finite and is_own_chance(run, task, name):
            found.parts[name] = value
        elif is_finite:
            found.scores.append(Score(metric_of(run, task, name), filtered or "none", float(value)))
        elif isinstance(value, list | dict):
            found.parts[name if filtered in ("", "none") else f"{name}:{filtered}"] = value
        else:
            found.missing.append(name)
    return found


def evaluation_results(
    run: RunFolder, task: str, found: TaskScores, figures: TaskFigures | None, read: Scores | None
) -> Iterator[dict[str, Any]]:
    """The entries of ``evaluation_results``, without where the data came from.

    Args:
        run: the setting.
        task: one of its tasks.
        found: its scores.
        figures: its intervals, if the samples were logged.
        read: the score of each sample, likewise.
    """
    for number, score in enumerate(found.scores):
        details: dict[str, Any] = {"score": score.value}
        parts = {name: _numbers(value) for name, value in found.parts.items()}
        if number == 0 and parts:
            details["details"] = parts
        if uncertainty := _uncertainty(run, task, score, figures, read):
            details["uncertainty"] = uncertainty
        suffix = "" if score.filter == "none" else f"/{score.filter}"
        yield {
            "evaluation_result_id": score.id,
            "evaluation_name": f"{task}{suffix}",
            "metric_config": score.metric.config(score.value),
            "score_details": details,
        }


def factor_of(score: float, mean: float) -> float | None:
    """What a mean was multiplied with to give a score, 1 or 100; None if it is something else."""
    for factor in (1.0, 100.0):
        if math.isclose(score, factor * mean, rel_tol=_EXACT, abs_tol=_EXACT):
            return factor
    return None


def mean_of(read: Scores) -> float:
    """The mean of the samples' scores; NaN if there is none."""
    known = [value for value in read.score.tolist() if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _uncertainty(
    run: RunFolder, task: str, score: Score, figures: TaskFigures | None, read: Scores | None
) -> dict[str, Any]:
    found: dict[str, Any] = _standard_error(run, task, score, read)
    interval, factor = _interval(run, task, score, figures)
    if interval is not None and not math.isnan(interval.low):
        found["confidence_interval"] = {
            "lower": interval.low * factor,
            "upper": interval.high * factor,
            "confidence_level": interval.level,
            "method": interval.method,
        }
        if "bootstrap" in interval.method:
            found["num_bootstrap_samples"] = RESAMPLES
    if "standard_error" in found and (count := _count(run, task, read)):
        found["num_samples"] = count  # other intervals are over some of the samples, or groups
    return found


def _standard_error(run: RunFolder, task: str, score: Score, read: Scores | None) -> dict[str, Any]:
    """Of a mean of the samples' scores, or as the harness computed it for its aggregation.

    The harness also takes an error of a mean for metrics that are none: those are left out.
    """
    if read is not None and _is_of(run, task, score, read):
        from lmms_eval.api.metrics import clustered_stderr

        known = [
            pair
            for pair in zip(read.score.tolist(), read.group.tolist(), strict=True)
            if not math.isnan(pair[0])
        ]
        factor = factor_of(score.value, mean_of(read))
        if factor is not None and len(known) > 1:
            error = clustered_stderr([s for s, _ in known], [g for _, g in known])
            return _error(error * factor, CLUSTERED)
    results = run.results["results"][task]
    given = results.get(f"{score.metric.name}_stderr,{score.filter}")
    if score.metric.aggregation == "mean":
        if not is_number(given):
            given = results.get(f"{score.metric.name}_stderr_clt,{score.filter}")
        return _error(given, "analytic")
    return _error(given, "bootstrap")


def _error(value: Any, method: str) -> dict[str, Any]:
    if not is_number(value) or not math.isfinite(value):
        return {}
    return {"standard_error": {"value": float(value), "method": method}}


def shifted_metric(run: RunFolder, task: str, metric: str) -> str:
    """The metric of a shifted task that the statistics are of, ``pope_accuracy`` for instance.

    Other metrics of the task may have the same values by chance, but not the same interval.

    Args:
        run: the setting.
        task: one of its tasks, shifted or not.
        metric: what the statistics say; ``verdict`` is of the one that the task names, or the
            first.
    """
    metric = metric.removesuffix(" (lower is better)")
    config = run.results["configs"][task]
    if metric != "verdict" or not is_shifted(config):
        return metric
    known = (run.results["results"].get(task) or {}).keys()
    first = (k.split(",")[0] for k in known if k.split(",")[0].endswith(f"_{ORIGINAL}"))
    named = config["metadata"]["shift"].get("verdict")
    return str(named or next(first, metric).removesuffix(f"_{ORIGINAL}"))


def _is_of(run: RunFolder, task: str, score: Score, read: Scores) -> bool:
    """Whether a score may be the mean of what was read; their values decide."""
    name = shifted_metric(run, task, read.metric)
    return score.filter == "none" and score.metric.name in (name, f"{name}_mean")


def _interval(
    run: RunFolder, task: str, score: Score, figures: TaskFigures | None
) -> tuple[Interval | None, float]:
    """The interval that belongs to a score: by its name, and only if the values agree."""
    if figures is None or score.filter != "none":
        return None, 1.0
    metric = shifted_metric(run, task, figures.metric)
    is_shift = is_shifted(run.results["configs"][task])
    for interval in _candidates(score.metric.name, metric, is_shift, figures):
        factor = factor_of(score.value, interval.value)
        if factor is not None:
            return interval, factor
    return None, 1.0


def _candidates(name: str, metric: str, is_shift: bool, figures: TaskFigures) -> Iterator[Interval]:
    if name in (metric, f"{metric}_mean"):
        yield figures.score
    if name in figures.extra:
        yield figures.extra[name]
    if name == f"{metric}_{ORIGINAL}" and ORIGINAL in figures.extra:
        yield figures.extra[ORIGINAL]
    if figures.places is None:
        return
    for part in ("std", "range", "worst"):
        # Probes name them after the places: cell_std, shift_range.
        if name == f"{metric}_{part}" or (name.endswith(f"_{part}") and not is_shift):
            yield getattr(figures.places, part)


def _count(run: RunFolder, task: str, read: Scores | None) -> int:
    if read is not None:
        return sum(not math.isnan(value) for value in read.score.tolist())
    return int((run.results.get("n-samples") or {}).get(task, {}).get("effective") or 0)


def _numbers(value: Any) -> str:
    if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
        return json.dumps(sorted(map(str, value)))  # files that a scorer wrote: only for which
    return as_text(value)
