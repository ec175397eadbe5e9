"""What is certain of a metric: its range, its direction, its id. What is not is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmms_bapa.results.folders import RunFolder
from lmms_bapa.shift.spec import is_shifted

OURS, HARNESS = "lmms-bapa", "lmms-eval"
_SHARE = (0.0, 1.0)
# The standard deviation of numbers in [0, 1] is at most 0.5, the population's form.
_SPREAD = (0.0, 0.5)
_PROBES: Mapping[str, tuple[float, float]] = {
    "accuracy": _SHARE,
    "paper_accuracy": _SHARE,
    "balanced_accuracy": _SHARE,
    "pair_accuracy": _SHARE,
    "yes_rate": _SHARE,
    "unparsed": _SHARE,
    "consistency": _SHARE,
    "cell_worst": _SHARE,
    "cell_range": _SHARE,
    "shift_range": _SHARE,
    "cell_std": _SPREAD,
    "shift_std": _SPREAD,
}
_SHIFTS: Mapping[str, tuple[float, float]] = dict.fromkeys(
    ("flip_rate", "right_everywhere", "right_somewhere", "unparsed"), _SHARE
)
# The harness's own metrics, under their own aggregation, on its own 0 to 1; canonical ids.
_BUILT_IN: Mapping[str, str] = {"exact_match": "exact-match", "acc": "accuracy"}
_NEITHER = {"yes_rate"}  # neither more nor less of it is better
_KINDS = {"accuracy": "accuracy", "exact-match": "accuracy"}


@dataclass(frozen=True)
class Metric:
    """One metric of one task.

    Attributes:
        name: the harness's.
        id: to join records by: canonical where it is one beyond doubt, else of us or the harness.
        bounds: least and greatest value that the definition allows; None where it is not known.
        lower_is_better: as the task says; False where it does not.
        polarity: ``unknown`` or ``not_applicable`` where there is no better; None where there is.
        aggregation: the harness's name for it, such as ``mean``; None for a function.
    """

    name: str
    id: str
    bounds: tuple[float, float] | None
    lower_is_better: bool
    polarity: str | None
    aggregation: str | None

    def config(self, score: float) -> dict[str, Any]:
        """``metric_config`` for a score; bounds that do not hold are no bounds."""
        known = self.bounds is not None and self.bounds[0] <= score <= self.bounds[1]
        more = {} if self.polarity is None else {"polarity": self.polarity}
        if not known:
            more["bounds_status"] = "unknown"
        if self.id.startswith((f"{OURS}.", f"{HARNESS}.")):
            more["metric_id_status"] = "unregistered"
        found: dict[str, Any] = {
            "metric_id": self.id,
            "metric_name": self.name,
            "lower_is_better": self.lower_is_better,
        }
        if self.id in _KINDS:
            found["metric_kind"] = _KINDS[self.id]
        if known and self.bounds is not None:
            low, high = self.bounds
            found |= {"score_type": "continuous", "min_score": low, "max_score": high}
            if self.bounds == _SHARE:
                found["metric_unit"] = "proportion"
        return found | ({"additional_details": more} if more else {})


def metric_of(run: RunFolder, task: str, name: str) -> Metric:
    """What is known of a metric of a task."""
    config = run.results["configs"].get(task) or {}
    known, own = _own(config, name)
    aggregation = _aggregation(config, name)
    bounds, identifier = known, f"{OURS if own else HARNESS}.{name}"
    if own and name == "accuracy":
        identifier = "accuracy"
    # A task's own process_results may put anything under the name of a built-in metric.
    if not own and name in _BUILT_IN and aggregation == "mean" and "process_results" not in config:
        bounds, identifier = _SHARE, _BUILT_IN[name]
    higher = ((run.results.get("higher_is_better") or {}).get(task) or {}).get(name)
    polarity = "unknown" if higher is None else None
    if own and name in _NEITHER:
        polarity = "not_applicable"
    return Metric(name, identifier, bounds, higher is False, polarity, aggregation)


def is_own_chance(run: RunFolder, task: str, name: str) -> bool:
    """Whether a metric is the level of chance of our tasks: of the questions, not of a model."""
    return name == "chance" and _own(run.results["configs"].get(task) or {}, name)[1]


def is_probe(config: Mapping[str, Any]) -> bool:
    """Whether a task is one of our probes: they name the generator of their pictures."""
    metadata = config.get("metadata")
    named = {entry.get("metric") for entry in config.get("metric_list") or []}
    return "paper_accuracy" in named or (
        isinstance(metadata, Mapping) and bool({"generator", "manifest"} & metadata.keys())
    )


def _own(config: Mapping[str, Any], name: str) -> tuple[tuple[float, float] | None, bool]:
    """The bounds of a metric of ours, and whether it is ours."""
    if is_shifted(config):
        return _SHIFTS.get(name), True
    if is_probe(config):
        return _PROBES.get(name), True
    return None, False


def _aggregation(config: Mapping[str, Any], name: str) -> str | None:
    for entry in config.get("metric_list") or []:
        if entry.get("metric") == name:
            found = entry.get("aggregation")
            return found if isinstance(found, str) and not found.startswith("<") else None
    return None
