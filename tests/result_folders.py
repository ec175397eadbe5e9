"""Result folders in the harness's layout, answered by a rule, scored by the tasks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lmms_bapa.harness import probe_task, relation_task
from lmms_bapa.harness.reply import Reply
from lmms_bapa.probes.questions import ProbeSpec, plan
from lmms_bapa.probes.relations import RelationSpec, plan_relations
from lmms_bapa.results.folders import RunFolder, read_run

Document = Mapping[str, Any]
Answer = Callable[[Document], str]


def noisy(share: Callable[[Document], float], seed: int = 0) -> Callable[[Document], str]:
    """Right with a probability."""
    dice = random.Random(seed)

    def answer(doc: Document) -> str:
        other = {"Yes": "No", "No": "Yes"}[doc["answer"]]
        return str(doc["answer"]) if dice.random() < share(doc) else other

    return answer


def start_blind(doc: Document) -> float:
    """A share for :func:`noisy`: misses what stands in the first three cells."""
    return 0.2 if doc["asked"] == "key" and doc["cell"] < 3 else 0.9


def run_of(folder: Path, samples: list[dict[str, Any]], **more: Any) -> RunFolder:
    """Writes a run of one task and reads it again."""
    return read_run(write_run(folder, {"t": samples}, **more))


def write_run(
    folder: Path,
    tasks: Mapping[str, list[dict[str, Any]]],
    model_args: str = "pretrained=micro-llava",
    config: Mapping[str, Any] | None = None,
    better: Mapping[str, bool] | None = None,
    date: str = "20260102_030405",
    **more: Any,
) -> Path:
    """Writes one run.

    Args:
        folder: the output path.
        tasks: samples by task.
        model_args: as the harness writes them.
        config: further keys of each task's configuration.
        better: each task's metrics, and whether higher is better.
        date: in the names of the files.
        more: further keys of the results.

    Returns:
        The results JSON.
    """
    place = folder / "micro-llava"
    place.mkdir(parents=True, exist_ok=True)
    results = {
        "results": {name: {} for name in tasks},
        "configs": {name: {"task": name, **(config or {})} for name in tasks},
        "versions": dict.fromkeys(tasks, 1.0),
        "higher_is_better": {name: dict(better or {"accuracy": True}) for name in tasks},
        "n-samples": {name: {"original": len(s), "effective": len(s)} for name, s in tasks.items()},
        "config": {"model": "hf_bapa", "model_args": model_args},
        **more,
    }
    for name, samples in tasks.items():
        lines = "".join(json.dumps(sample) + "\n" for sample in samples)
        (place / f"{date}_samples_{name}.jsonl").write_text(lines)
    file = place / f"{date}_results.json"
    file.write_text(json.dumps(results))
    return file


def probe_samples(
    answer: Answer, margin: Callable[[Document], float] | None = None, **spec: Any
) -> list[dict[str, Any]]:
    """Samples of a spatial probe; ``spec`` as for :class:`ProbeSpec`."""
    documents = list(plan(ProbeSpec(**spec)))
    return [
        _sample(i, doc, answer(doc), margin, probe_task, probe_task.doc_to_text(doc))
        for i, doc in enumerate(documents)
    ]


def relation_samples(answer: Answer, **spec: Any) -> list[dict[str, Any]]:
    """Samples of a relation probe."""
    documents = list(plan_relations(RelationSpec(**spec)))
    return [
        _sample(i, doc, answer(doc), None, relation_task, relation_task.doc_to_text(doc))
        for i, doc in enumerate(documents)
    ]


def _sample(
    number: int,
    doc: Document,
    said: str,
    margin: Callable[[Document], float] | None,
    task: Any,
    text: str,
) -> dict[str, Any]:
    reply = said if margin is None else Reply(said, margin(doc))
    base = {"doc_id": number, "target": doc["answer"], "filtered_resps": said, "input": text}
    return base | task.process_results(doc, [reply])


def shift_samples(verdicts: Mapping[int, Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """Samples of a shifted task: document -> place (``original`` first) -> verdict."""
    samples: list[dict[str, Any]] = []
    for document, places in verdicts.items():
        for name, value in places.items():
            record = {"placement": name, "document": document, "value": value}
            sample = {"doc_id": len(samples), "input": f"Question {document}", "flip_rate": record}
            if name == "original":
                sample["exact_match_original"] = value
            else:
                sample["exact_match_placements"] = record
            samples.append(sample)
    return samples


def plain_samples(scores: list[Any], metric: str = "accuracy", **more: Any) -> list[dict[str, Any]]:
    """Samples of any other task."""
    return [
        {"doc_id": i, "target": "x", "input": f"Question {i}", metric: score, **more}
        for i, score in enumerate(scores)
    ]
