"""Whether two runs gave the same answers to the same questions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from lmms_bapa.provenance.fingerprints import reply_of
from lmms_bapa.results.folders import RunFolder


@dataclass(frozen=True)
class Change:
    """One question that was answered otherwise.

    Attributes:
        task: its task.
        doc_id: number of the document.
        before: the recorded answer.
        now: the new one; None if the question was not asked again.
    """

    task: str
    doc_id: int
    before: str
    now: str | None


@dataclass(frozen=True)
class Agreement:
    """One setting, before and now.

    Attributes:
        label: name of the setting.
        questions: how many were answered before.
        changes: the answers that are not the same.
        added: questions that were answered now only.
        other_questions: questions of the same number whose text or right answer differs.
        margin: largest difference between the margins of a question; NaN if there are none.
    """

    label: str
    questions: int = 0
    changes: list[Change] = field(default_factory=list)
    added: int = 0
    other_questions: int = 0
    margin: float = math.nan

    @property
    def equal(self) -> int:
        """How many answers are the same."""
        return self.questions - len(self.changes)

    @property
    def is_same(self) -> bool:
        """Whether every answer is the same, to the same questions."""
        return not (self.changes or self.added or self.other_questions)


def agreement(before: RunFolder, now: RunFolder, label: str) -> Agreement:
    """Compares the answers of two runs, question by question.

    Args:
        before: the recorded run; its tasks with a sample log are compared.
        now: the new one.
        label: name of the setting.

    Raises:
        UsageError: a sample log cannot be read.
    """
    questions = added = others = 0
    changes: list[Change] = []
    margins: list[float] = []
    for task in before.tasks:
        old = {int(sample["doc_id"]): sample for sample in before.samples(task)}
        new = {int(sample["doc_id"]): sample for sample in now.samples(task)}
        questions += len(old)
        added += len(new.keys() - old.keys())
        for number, sample in sorted(old.items()):
            again = new.get(number)
            reply = None if again is None else reply_of(again)
            if reply != reply_of(sample):
                changes.append(Change(task, number, reply_of(sample), reply))
            if again is None:
                continue
            others += _asked(again) != _asked(sample)
            was, is_now = sample.get("margin"), again.get("margin")
            if was is not None and is_now is not None:
                margins.append(abs(was - is_now))
    margin = max(margins, default=math.nan)
    return Agreement(label, questions, changes, added, others, margin)


def _asked(sample: dict[str, Any]) -> str:
    return json.dumps([sample.get("input"), sample.get("target")])
