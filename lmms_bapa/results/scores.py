"""One score per question, with its group and its place: what the statistics are computed from."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
_NUMBERS_DOCUMENTS = re.compile(r"(^|[^a-z])[a-z]?(id|idx|index|number)$", re.IGNORECASE)
_PLACEMENTS = "_placements"  # behind the name of a shifted task's metric


class NoScoreError(UsageError):
    """The samples of a task carry no score: somebody else has to score the answers."""


@dataclass(frozen=True)
class Scores:
    """The answers of one run to one task, in the order of the documents.

    Attributes:
        task: its name.
        metric: what the scores are.
        questions: digests of what was asked, to tell whether two runs were asked the same.
        score: per question; NaN is no verdict.
        group: number of each question's group, 0 to the last.
        place: number of each question's place; negative: at none.
        places: names of the places; empty for a task without.
        rows: side of the grid, if the places are its cells.
        positive: whether Yes is right; None for a task that is not our probes'.
        said: ``yes``, ``no`` or None for a reply that is neither; None likewise.
        margin: log p(Yes) - log p(No); None where it was not recorded.
        original: scores of the unshifted pictures, by number of the group; None if not a shift.
        higher_is_better: whether a higher score is a better one.
    """

    task: str
    metric: str
    questions: Sequence[bytes]
    score: Array
    group: NDArray[np.int64]
    place: NDArray[np.int64]
    places: Sequence[str] = ()
    rows: int | None = None
    positive: NDArray[np.bool_] | None = None
    said: Sequence[str | None] | None = None
    margin: Array | None = None
    original: Array | None = None
    higher_is_better: bool = True

    @property
    def groups(self) -> int:
        """How many independent groups there are."""
        return int(self.group.max()) + 1 if self.group.size else 0


def read_scores(run: RunFolder, task: str) -> Scores:
    """Reads the scores of a task from a run's sample log.

    Raises:
        NoScoreError: its samples carry no score.
        UsageError: the log cannot be read.
    """
    log = run.log(task)
    changed = log.stat().st_mtime_ns if log.is_file() else None
    return _read_scores(run, task, changed)


@lru_cache(maxsize=16)  # a report describes and compares every run
def _read_scores(run: RunFolder, task: str, changed: int | None) -> Scores:
    del changed  # a log that was written anew is read anew
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


def _asked(sample: Sample, *more: Any) -> bytes:
    """A digest of what was asked: document, words, right answer, and for probes the canvas."""
    keys = ("doc_id", "doc_hash", "input", "target", "question_id", "where")
    asked = [*(sample.get(key) for key in keys), *more]
    text = json.dumps(asked, default=str, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


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
    metric, higher = "verdict", True
    if all(v["value"] is None for v in verdicts):
        metric, verdicts = _shifted_metric(run, task, samples)
        higher = bool(run.results["higher_is_better"][task][f"{metric}{_PLACEMENTS}"])
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
        metric=_told(metric, higher),
        questions=[
            _asked(s, v["placement"], v["document"]) for s, v in zip(samples, verdicts, strict=True)
        ],
        score=np.array([np.nan if v is None else v for v in values], dtype=float),
        group=group[shifted],
        place=np.array([names.index(verdicts[i]["placement"]) for i in shifted], np.int64),
        places=names,
        original=original,
        higher_is_better=higher,
    )


def _shifted_metric(
    run: RunFolder, task: str, samples: Sequence[Sample]
) -> tuple[str, list[dict[str, Any]]]:
    """The first numeric metric of a shifted task none of whose scorers gives a verdict."""
    key = run.results["configs"][task].get("score_key", "score")
    for name in _metrics(run, task):
        metric = name.removesuffix(_PLACEMENTS)
        if metric == name:
            continue
        found = []
        for sample in samples:
            if name in sample:
                where, given = sample[name], sample[name]["value"]
            else:
                where, given = sample["flip_rate"], sample.get(f"{metric}_original")
            value = _numeric(given, key)
            found.append({**where, "value": _only_number(given) if value is None else value})
        if all(record["value"] is not None for record in found):
            return metric, found
    raise NoScoreError(
        f"{run.log(task)}: no metric has a number for each document: name one in the task's YAML "
        "as verdict: under shift:"
    )


def _plain(run: RunFolder, task: str, samples: Sequence[Sample], cluster: str) -> Scores:
    """Any other task: the first metric that has a number for each document."""
    key = run.results["configs"][task].get("score_key", "score")
    names = _metrics(run, task)
    for name in names:
        higher = bool(run.results["higher_is_better"][task][name])
        values = [_numeric(sample.get(name), key) for sample in samples]
        if all(value is None for value in values):
            values = _verdicts(samples, name, key)
            higher = higher or any(value is not None for value in values)  # 1 is right
        if all(value is None for value in values):
            values = [_only_number(sample.get(name)) for sample in samples]
        if any(value is not None for value in values):
            break
    else:
        found = sorted({k for sample in samples for k in sample if k not in _ASIDE})
        raise NoScoreError(
            f"{run.log(task)}: no score per document in it; its samples have "
            f"{', '.join(found) or 'no metrics'}: compare another task"
        )
    clusters = [_cluster(sample, name, cluster) for sample in samples]
    return Scores(
        task=task,
        metric=_told(name, higher),
        questions=[_asked(sample) for sample in samples],
        score=np.array([np.nan if v is None else v for v in values], dtype=float),
        group=_numbered(clusters),
        place=np.full(len(samples), NO_PLACE, np.int64),
        higher_is_better=higher,
    )


def _told(metric: str, higher_is_better: bool) -> str:
    return metric if higher_is_better else f"{metric} (lower is better)"


_ASIDE = {
    "doc_id", "doc_hash", "target", "input", "resps", "filtered_resps", "token_counts", "margin",
}  # fmt: skip


def _metrics(run: RunFolder, task: str) -> list[str]:
    """The metrics of a task: those of which more is better first."""
    better = (run.results.get("higher_is_better") or {}).get(task, {})
    return sorted(better, key=lambda name: not better[name])


def _numeric(value: Any, key: str) -> float | None:
    """A score as a finite number: itself, or the one under the task's name for it."""
    if isinstance(value, Mapping):
        value = value.get(key)
    if not (is_number(value) or isinstance(value, bool)):
        return None
    return float(value) if math.isfinite(value) else None


def _only_number(value: Any) -> float | None:
    """The one number of a record that does not merely number the document."""
    if not isinstance(value, Mapping):
        return None
    found = [_numeric(v, "") for name, v in value.items() if not _NUMBERS_DOCUMENTS.search(name)]
    numbers = [number for number in found if number is not None]
    return numbers[0] if len(numbers) == 1 else None


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
