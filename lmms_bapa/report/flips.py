"""Finds questions whose answer depends on the place, in the sample logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lmms_bapa.report.study import Flip, Side

Sample = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """One reply.

    Attributes:
        question: what stays the same from place to place.
        place: name of the place.
        doc_id: number of the document in the task.
        text: what was asked.
        reply: what the model said.
        right: the verdict, or None if there is none.
    """

    question: int
    place: str
    doc_id: int
    text: str
    reply: str
    right: bool | None

    @property
    def outcome(self) -> bool | str:
        """What differs in a flip: the verdict, or the reply where there is no verdict."""
        return self.reply if self.right is None else self.right


def answers_of(samples: Sequence[Sample]) -> list[Answer]:
    """The answers of a task that shows each question at several places, in order of documents.

    Of a spatial probe those to key questions, where Yes is right; of a shifted task all, the
    unshifted originals left out. Empty for other tasks.
    """
    ordered = sorted(samples, key=lambda sample: int(sample["doc_id"]))
    found = (_of_probe(sample) or _of_shifted(sample) for sample in ordered)
    return [answer for answer in found if answer is not None]


def _reply(sample: Sample) -> str:
    reply = sample.get("filtered_resps", "")
    return str(reply[0] if isinstance(reply, list) and reply else reply).strip()


def _of_probe(sample: Sample) -> Answer | None:
    record = sample.get("cell_accuracy")
    if not isinstance(record, dict) or record.get("asked") != "key" or "group" not in record:
        return None
    return Answer(
        question=record["group"],
        place=_place_name(record, sample.get("where") or {}),
        doc_id=int(sample["doc_id"]),
        text=str(sample.get("input", sample.get("caption", ""))).strip(),
        reply=_reply(sample),
        right=bool(record["correct"]),
    )


def _place_name(record: Mapping[str, Any], where: Mapping[str, Any]) -> str:
    if where.get("layout") == "pixel":
        return f"displaced by {where['shift']} px"
    row, column = divmod(int(record["cell"]), int(record["rows"]))
    return f"row {row + 1}, column {column + 1}"


def _of_shifted(sample: Sample) -> Answer | None:
    record = sample.get("flip_rate")
    if not isinstance(record, dict) or "placement" not in record:
        return None
    if record["placement"] == "original":
        return None
    value = record.get("value")
    return Answer(
        question=record["document"],
        place=str(record["placement"]),
        doc_id=int(sample["doc_id"]),
        text=str(sample.get("input", "")).strip(),
        reply=_reply(sample),
        right=bool(value) if value in (0, 1) else None,
    )


def by_question(answers: Sequence[Answer]) -> dict[int, list[Answer]]:
    """The answers to each question that was asked at two places at least."""
    found: dict[int, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.question, []).append(answer)
    return {q: asked for q, asked in found.items() if len({a.place for a in asked}) > 1}


def count_flips(answers: Sequence[Answer]) -> tuple[int, int]:
    """Questions that were not answered alike at all places, and all questions."""
    questions = by_question(answers)
    return sum(len({a.outcome for a in q}) > 1 for q in questions.values()), len(questions)


def _preferred(answers: Sequence[Answer]) -> tuple[str, str] | None:
    """The places with most wrong and with most right answers; the first of equals."""
    shares: dict[str, list[bool]] = {}
    for answer in answers:
        if answer.right is not None:
            shares.setdefault(answer.place, []).append(answer.right)
    if len(shares) < 2:
        return None
    means = {place: sum(right) / len(right) for place, right in shares.items()}
    worst, best = min(means, key=lambda p: means[p]), max(means, key=lambda p: means[p])
    return None if worst == best else (worst, best)


def find_pairs(answers: Sequence[Answer], count: int) -> list[tuple[Answer, Answer]]:
    """Pairs of answers to one question that differ, the wrong one first.

    The first questions of the log whose answers differ between the worst and the best place; if
    there are fewer, the first that differ between any two. Nothing is picked by hand.
    """
    questions, places = by_question(answers), _preferred(answers)
    pairs: dict[int, tuple[Answer, Answer]] = {}
    for wanted in (places, None):
        for question, asked in questions.items():
            chosen = [a for a in asked if wanted is None or a.place in wanted]
            chosen.sort(key=lambda a: bool(a.right))
            if len(pairs) < count and chosen and chosen[0].outcome != chosen[-1].outcome:
                pairs.setdefault(question, (chosen[0], chosen[-1]))
    return list(pairs.values())


def find_flips(
    answers: Mapping[str, Sequence[Answer]], stock: str | None, count: int = 2
) -> list[tuple[Flip, tuple[int, int]]]:
    """Examples, each with the numbers of its two documents.

    Args:
        answers: by setting.
        stock: the setting whose flips come first, or None.
        count: so many of the stock model, and one more that another setting flips on and the stock
            model does not; so many of the latter if the stock model never flips.
    """
    replies = {label: {a.doc_id: a for a in given} for label, given in answers.items()}
    found: list[tuple[Flip, tuple[int, int]]] = []
    for label in [stock] if stock in answers else list(answers):
        if label is not None and not found:
            found = [_flip(label, pair, replies) for pair in find_pairs(answers[label], count)]
    if stock not in answers:
        return found
    room = len(found) + (1 if found else count)
    for label in answers:
        for pair in find_pairs(answers[label], len(answers[label])):
            ours = {replies[str(stock)][a.doc_id].outcome for a in pair}
            if label != stock and len(found) < room and len(ours) == 1:
                flip, documents = _flip(label, pair, replies)
                found.append((replace(flip, is_new=True), documents))
    return found


def _flip(
    label: str, pair: tuple[Answer, Answer], replies: Mapping[str, Mapping[int, Answer]]
) -> tuple[Flip, tuple[int, int]]:
    first, second = (_side(answer, replies) for answer in pair)
    return Flip(label, pair[0].text, (first, second)), (pair[0].doc_id, pair[1].doc_id)


def _side(answer: Answer, replies: Mapping[str, Mapping[int, Answer]]) -> Side:
    given = {
        label: (by_document[answer.doc_id].reply, by_document[answer.doc_id].right)
        for label, by_document in replies.items()
        if answer.doc_id in by_document
    }
    return Side(answer.place, given)
