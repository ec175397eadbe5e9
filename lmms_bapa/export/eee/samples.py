"""The sample file: what was asked, what was said, and whether it was right, one line a question."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmms_bapa.export.eee.identity import Identity
from lmms_bapa.export.eee.metrics import is_probe
from lmms_bapa.export.eee.public import details, readable
from lmms_bapa.export.eee.results import TaskScores, factor_of, shifted_metric
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.results.scores import Scores
from lmms_bapa.shift.spec import ORIGINAL

# What tells which picture was shown, and what of it was asked.
_ABOUT = ("question_id", "where", "caption", "asked", "cell", "margin")
_LOWER = " (lower is better)"


@dataclass(frozen=True)
class Sample:
    """A line of the harness's log, with its score.

    Attributes:
        line: the log's.
        score: NaN for no verdict.
        placement: where a shifted task showed the picture; None for any other task.
    """

    line: Mapping[str, Any]
    score: float
    placement: str | None = None


def scored(lines: Sequence[Mapping[str, Any]], read: Scores) -> list[Sample]:
    """Brings the lines of a log and their scores together."""
    ordered = sorted(lines, key=lambda line: (isinstance(line["doc_id"], str), line["doc_id"]))
    if read.original is None:
        scores = read.score.tolist()
        return [Sample(line, score) for line, score in zip(ordered, scores, strict=True)]
    found, scores = [], iter(read.score.tolist())
    originals: dict[Any, int] = {}
    for line in ordered:
        place = line["flip_rate"]
        group = originals.setdefault(place["document"], len(originals))
        is_original = place["placement"] == ORIGINAL
        score = float(read.original[group]) if is_original else next(scores)
        found.append(Sample(line, score, place["placement"]))
    return found


def why_not(samples: Sequence[Sample]) -> str | None:
    """Why there can be no sample file; None if there can."""
    known = [sample.score for sample in samples if not math.isnan(sample.score)]
    if not known:
        return "no sample has a score"
    if not all(0 <= score <= 1 for score in known):
        return "its scores are not between 0 (wrong) and 1 (right), which is what the format asks"
    return None


def rows(
    run: RunFolder,
    task: str,
    identity: Identity,
    samples: Sequence[Sample],
    found: TaskScores,
    read: Scores,
) -> Iterator[str]:
    """The lines of the sample file, those without a score left out."""
    config = run.results["configs"][task]
    filters = config.get("filter_list") or [{}]
    name = str(filters[0].get("name", "none"))
    result_ids = _result_ids(run, task, samples, found, read)
    hashes = {sample.line.get("doc_hash") for sample in samples}
    setting = run.label  # reads all options: once, not for each of many samples
    right = 0.0 if read.metric.endswith(_LOWER) else 1.0
    for sample in samples:
        if math.isnan(sample.score):
            continue
        line = sample.line
        replies = _texts(line.get("resps", line.get("filtered_resps")))
        extracted, method = _extracted(line, config, name)
        row: dict[str, Any] = {
            "schema_version": "0.3.0",
            "evaluation_id": identity.evaluation,
            "model_id": identity.model,
            "evaluation_name": task if name == "none" else f"{task}/{name}",
            "sample_id": str(line["doc_id"]),
            "interaction_type": "single_turn",
            "input": {"raw": _text(line.get("input")), "reference": _texts(line.get("target"))},
            "output": {"raw": replies},
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": extracted,
                    "extraction_method": method,
                    "is_terminal": True,
                }
            ],
            "evaluation": {"score": sample.score, "is_correct": sample.score == right},
            "metadata": _metadata(setting, sample, hashes),
        }
        if result := result_ids[sample.placement == ORIGINAL]:
            row["evaluation_result_id"] = result
        # ASCII: some readers break lines at characters that JSON lets stand within a text.
        yield json.dumps(row, ensure_ascii=True, allow_nan=False, sort_keys=True)


def _metadata(setting: str, sample: Sample, hashes: set[Any]) -> dict[str, str]:
    line = sample.line
    about = {key: line[key] for key in _ABOUT if line.get(key) is not None}
    if len(hashes) > 1:  # the harness gives some tasks one and the same for all documents
        about["doc_hash"] = line.get("doc_hash")
    if sample.placement is not None:
        about |= {"placement": sample.placement, "document": line["flip_rate"]["document"]}
    return details(setting=setting, **about)


def _result_ids(
    run: RunFolder, task: str, samples: Sequence[Sample], found: TaskScores, read: Scores
) -> dict[bool, str | None]:
    """Which result the scores of the samples make up, for the originals of a shift and the rest.

    By the metric's name, and only if their mean is that result.
    """
    metric = shifted_metric(run, task, read.metric)
    ids: dict[bool, str | None] = {}
    for original in (False, True):
        part = [s.score for s in samples if (s.placement == ORIGINAL) == original]
        known = [score for score in part if not math.isnan(score)]
        mean = math.fsum(known) / len(known) if known else math.nan
        ending = "_original" if original else "_mean"
        ids[original] = next(
            (
                score.id
                for score in found.scores
                if score.metric.name in (metric, f"{metric}{ending}")
                and score.filter == "none"
                and factor_of(score.value, mean) is not None
            ),
            None,
        )
    return ids


def _extracted(line: Mapping[str, Any], config: Mapping[str, Any], name: str) -> tuple[str, str]:
    """What was read from a reply, and how."""
    if is_probe(config) and "said" in line:
        return _text(line["said"] or ""), "parse_yes_no"
    read = _texts(line.get("filtered_resps"))
    return (read[0] if read else ""), (name if name != "none" else "custom")


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return [_text(value)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return readable(value if isinstance(value, str) else json.dumps(value, default=str))
