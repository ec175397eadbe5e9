"""One score per question, with its group and its place: what the statistics are computed from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmms_bapa.errors import UsageError
from lmms_bapa.metrics.placements import is_number
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.shift.spec import ORIGINAL

Array = NDArray[np.float64]
Sample = Mapping[str, Any]
NO_PLACE = -1


@dataclass(frozen=True)
class Scores:
    """The answers of one run to one task, in the order of the documents.

    Attributes:
        task: its name.
        metric: what the scores are.
        questions: what was asked, to tell whether two runs were asked the same.
        score: per question; NaN is no verdict.
        group: number of each question's group, 0 to the last.
        place: number of each question's place; negative: at none.
        places: names of the places; empty for a task without.
        rows: side of the grid, if the places are its cells.
        positive: whether Yes is right; None for a task that is not our probes'.
        said: ``yes``, ``no`` or None for a reply that is neither; None likewise.
        margin: log p(Yes) - log p(No); None where it was not recorded.
        original: scores of the unshifted pictures, by number of the group; None if not a shift.
    """

    task: str
    metric: str
    questions: Sequence[str]
    score: Array
    group: NDArray[np.int64]
    place: NDArray[np.int64]
    places: Sequence[str] = ()
    rows: int | None = None
    positive: NDArray[np.bool_] | None = None
    said: Sequence[str | None] | None = None
    margin: Array | None = None
    original: Array | None = None

    @property
    def groups(self) -> int:
        """How many independent groups there are."""
        return int(self.group.max()) + 1 if self.group.size else 0


def read_scores(run: RunFolder, task: str) -> Scores:
    """Reads the scores of a task from a run's sample log.

    Raises:
        UsageError: the log cannot be read, or its samples carry no score.
    """
    samples = sorted(run.samples(task), key=lambda sample: _number(sample["doc_id"]))
    config = run.results["configs"][task]
    try:
        record = samples[0].get("accuracy")
        if isinstance(record, Mapping) and {"group", "said", "correct"} <= set(record):
            return _own_probe(task, samples)
        if any("flip_rate" in sample for sample in samples):
            return _shifted(run, task, samples)
        return _plain(run, task, samples, str(config.get("cluster_key") or ""))
    except (KeyError, TypeError, AttributeError) as error:
        log = run.log(task)
        raise UsageError(
            f"{log}: its samples are not all of one form ({type(error).__name__}: {error}): "
            "run it again with this version"
        ) from error


def _number(document: Any) -> tuple[bool, Any]:
    return (isinstance(document, str), document)


def _numbered(names: Sequence[Any]) -> NDArray[np.int64]:
    """Numbers names in the order in which they come."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _asked(sample: Sample, *more: Any) -> str:
    """The text of what was asked: document, words, right answer, and for probes the canvas."""
    keys = ("doc_id", "doc_hash", "input", "target", "question_id", "where")
    return json.dumps([*(sample.get(key) for key in keys), *more], default=str, sort_keys=True)


def _margins(samples: Sequence[Sample]) -> Array | None:
    found = [sample.get("margin") for sample in samples]
    if all(value is None for value in found):
        return None
    return np.array([np.nan if value is None else value for value in found], dtype=float)


def _own_probe(task: str, samples: Sequence[Sample]) -> Scores:
    """A probe with places, or of relations, which has none."""
    records = [sample["accuracy"] for sample in samples]
    first = records[0]
    positive = np.array([str(sample["answer"]).lower() == "yes" for sample in samples])
    place = np.full(len(samples), NO_PLACE, np.int64)
    names: list[str] = []
    rows = first.get("rows")
    if "shift_std" in samples[0]:  # the canvas is displaced, for all questions alike
        place = np.array([r["place"] for r in records], np.int64)
        shifts = {s["accuracy"]["place"]: s["where"]["shift"] for s in samples}
        names = [f"{shifts.get(n, '?')} px" for n in range(first["places"])]
        rows = None
    elif rows is not None:
        place = np.array([r["cell"] if r["asked"] == "key" else NO_PLACE for r in records])
        names = [f"row {1 + n // rows}, column {1 + n % rows}" for n in range(rows**2)]
    return Scores(
        task=task,
        metric="accuracy",
        questions=[_asked(s, s.get("cell"), s["answer"]) for s in samples],
        score=np.array([r["correct"] for r in records], dtype=float),
        group=_numbered([r["group"] for r in records]),
        place=place,
        places=names,
        rows=rows,
        positive=positive,
        said=[r["said"] for r in records],
        margin=_margins(samples),
    )


def _shifted(run: RunFolder, task: str, samples: Sequence[Sample]) -> Scores:
    """The verdicts at the places; the unshifted original stands apart."""
    verdicts = [sample["flip_rate"] for sample in samples]
    metric = "verdict"
    if all(v["value"] is None for v in verdicts):
        metric, verdicts = _shifted_metric(run, task, samples)
    shifted = [i for i, v in enumerate(verdicts) if v["placement"] != ORIGINAL]
    names = list(dict.fromkeys(verdicts[i]["placement"] for i in shifted))
    group = _numbered([v["document"] for v in verdicts])
    original = np.full(int(group.max()) + 1, np.nan)
    for i, v in enumerate(verdicts):
        if v["placement"] == ORIGINAL and v["value"] is not None:
            original[group[i]] = v["value"]
    values = [verdicts[i]["value"] for i in shifted]
    return Scores(
        task=task,
        metric=metric,
        questions=[
            _asked(s, v["placement"], v["document"]) for s, v in zip(samples, verdicts, strict=True)
        ],
        score=np.array([np.nan if v is None else v for v in values], dtype=float),
        group=group[shifted],
        place=np.array([names.index(verdicts[i]["placement"]) for i in shifted], np.int64),
        places=names,
        original=original,
    )


def _shifted_metric(
    run: RunFolder, task: str, samples: Sequence[Sample]
) -> tuple[str, list[dict[str, Any]]]:
    """The first numeric metric of a shifted task none of whose scorers gives a verdict."""
    key = run.results["configs"][task].get("score_key", "score")
    for name in _metrics(run, task):
        metric = name.removesuffix("_placements")
        if metric == name:
            continue
        found = []
        for sample in samples:
            if name in sample:
                value = _numeric(sample[name]["value"], key)
                found.append({**sample[name], "value": value})
            else:
                where = sample["flip_rate"]
                found.append({**where, "value": _numeric(sample.get(f"{metric}_original"), key)})
        if all(record["value"] is not None for record in found):
            return metric, found
    raise UsageError(
        f"{run.log(task)}: no metric has a number for each document: name one in the task's YAML "
        "as verdict: under shift:"
    )


def _plain(run: RunFolder, task: str, samples: Sequence[Sample], cluster: str) -> Scores:
    """Any other task: the first metric that has a number for each document."""
    key = run.results["configs"][task].get("score_key", "score")
    names = _metrics(run, task)
    for name in names:
        values = [_numeric(sample.get(name), key) for sample in samples]
        if all(value is None for value in values):
            values = _verdicts(samples, name, key)
        if any(value is not None for value in values):
            break
    else:
        found = sorted({k for sample in samples for k in sample if k not in _ASIDE})
        raise UsageError(
            f"{run.log(task)}: no score per document in it; its samples have "
            f"{', '.join(found) or 'no metrics'}: compare another task"
        )
    if not run.results["higher_is_better"].get(task, {}).get(name, True):
        name = f"{name} (lower is better)"
    clusters = [_cluster(sample, name, cluster) for sample in samples]
    return Scores(
        task=task,
        metric=name,
        questions=[_asked(sample) for sample in samples],
        score=np.array([np.nan if v is None else v for v in values], dtype=float),
        group=_numbered(clusters),
        place=np.full(len(samples), NO_PLACE, np.int64),
        margin=None,
    )


_ASIDE = {
    "doc_id", "doc_hash", "target", "input", "resps", "filtered_resps", "token_counts", "margin",
}  # fmt: skip


def _metrics(run: RunFolder, task: str) -> list[str]:
    """The metrics of a task: those of which more is better first."""
    better = run.results.get("higher_is_better", {}).get(task, {})
    return sorted(better, key=lambda name: not better[name])


def _numeric(value: Any, key: str) -> float | None:
    """A score as a number: itself, the one under the task's name for it, or the only one."""
    if isinstance(value, Mapping):
        numbers = [v for v in value.values() if is_number(v) or isinstance(v, bool)]
        value = value[key] if key in value else numbers[0] if len(numbers) == 1 else None
    return float(value) if is_number(value) or isinstance(value, bool) else None


def _verdicts(samples: Sequence[Sample], name: str, key: str) -> list[float | None]:
    """Right or wrong, read from records such as answer beside prediction."""
    if not all(isinstance(sample.get(name), Mapping) for sample in samples):
        return [None] * len(samples)
    from lmms_bapa.harness.verdicts import verdict  # some scorers of the harness are slow to import

    return [verdict({name: sample[name]}, key, name) for sample in samples]


def _cluster(sample: Sample, metric: str, key: str) -> Any:
    """The group of a sample: what the task's ``cluster_key`` says, or the document itself."""
    record = sample.get(metric)
    for place in (record, sample):
        if key and isinstance(place, Mapping) and place.get(key) is not None:
            return str(place[key])
    return ("document", sample["doc_id"])
