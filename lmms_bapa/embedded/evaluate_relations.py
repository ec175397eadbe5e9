"""Measures how well a saved model answers the relation probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tqdm import trange

from lmms_bapa.embedded.evaluate import Question, answer
from lmms_bapa.embedded.language import NO, YES, render_text
from lmms_bapa.metrics.probe import accuracy
from lmms_bapa.metrics.relations import distance_accuracy, pair_accuracy, relation_accuracy
from lmms_bapa.probes.relations import RelationSpec, plan_relations, question_text
from lmms_bapa.probes.relations_canvas import relation_canvas

_BATCH = 16  # the questions of a group


@dataclass(frozen=True)
class RelationFigures:
    """What a relation probe found; all numbers in percent.

    Attributes:
        accuracy: questions that were answered right.
        pairs: pairs of which both questions were.
        relations: accuracy for each relation.
        distances: accuracy for each distance, in cells.
        unreadable: answers that are neither Yes nor No.
    """

    accuracy: float
    pairs: float
    relations: dict[str, float]
    distances: dict[str, float]
    unreadable: float


def encode_relations(processor: Any, questions: list[Question]) -> Any:
    """The model's inputs for some relation questions."""
    words = [question_text(q["subject"], q["relation"], q["reference"]) for q in questions]
    return processor(
        images=[relation_canvas(question) for question in questions],
        text=[render_text(processor, text) for text in words],
        padding=True,
        return_tensors="pt",
    )


def measure_relations(
    model: Any, processor: Any, spec: RelationSpec, title: str = "measuring"
) -> RelationFigures:
    """Asks every question of a relation probe.

    Args:
        model: the LLaVA model.
        processor: its processor.
        spec: the probe.
        title: words for the progress bar.
    """
    plan, records = list(plan_relations(spec)), []
    for start in trange(0, len(plan), _BATCH, desc=title, unit="group", mininterval=2):
        questions = plan[start : start + _BATCH]
        replies = answer(model, processor, encode_relations(processor, questions))
        for question, said in zip(questions, replies, strict=True):
            correct = int(said == question["answer"])
            records.append({**question, "said": said, "correct": correct})

    def percent(share: float) -> float:
        return round(100 * share, 2)

    return RelationFigures(
        accuracy=percent(accuracy(records)),
        pairs=percent(pair_accuracy(records)),
        relations={k: percent(v) for k, v in relation_accuracy(records).items()},
        distances={k: percent(v) for k, v in distance_accuracy(records).items()},
        unreadable=percent(sum(r["said"] not in (YES, NO) for r in records) / len(records)),
    )
