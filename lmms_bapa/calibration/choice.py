"""Which of several settings is best by a stated objective. Knows their scores, not their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lmms_bapa.errors import UsageError
from lmms_bapa.results.scores import Scores
from lmms_bapa.statistics.auroc import AurocTable
from lmms_bapa.statistics.bootstrap import Array
from lmms_bapa.statistics.detection import YesTable
from lmms_bapa.statistics.places import PlaceTable

RESAMPLES = 2000


@dataclass(frozen=True)
class Objective:
    """What is looked for: the smallest spread over places, at little cost in accuracy.

    Attributes:
        spread: of the ``auroc``, which no change of the threshold between Yes and No can improve,
            or of the ``accuracy`` on questions whose answer is Yes, for models without margins.
        floor: how far a setting may fall below the stock model, as a share: in balanced accuracy,
            and with ``auroc`` in AUROC as well.
    """

    spread: Literal["auroc", "accuracy"] = "auroc"
    floor: float = 0.01

    def __str__(self) -> str:
        figures = "AUROC and balanced accuracy" if self.spread == "auroc" else "balanced accuracy"
        name = "AUROC" if self.spread == "auroc" else "accuracy"
        verb, points = "is" if self.spread == "accuracy" else "are", 100 * self.floor
        unit = "point" if points == 1 else "points"
        return (
            f"smallest standard deviation of the {name} over places, among settings whose "
            f"{figures} {verb} at most {points:g} {unit} below the stock model's; of those "
            "within one standard error of the smallest, the one that changes the fewest answers"
        )


@dataclass(frozen=True)
class Candidate:
    """What one setting did on the split; shares, not percent.

    Attributes:
        label: the setting.
        auroc: over all places; NaN without margins.
        auroc_std: its population standard deviation over the places.
        balanced_accuracy: mean accuracy on questions whose answer is Yes and on the others.
        yes_rate: share of Yes among the replies.
        accuracy_std: spread over the places of the accuracy on questions whose answer is Yes.
        answers_changed: share of questions that are answered otherwise than by the stock model.
        is_eligible: whether it keeps the floor.
        above_best: its spread minus the smallest eligible one.
        above_best_error: standard error of that difference, bootstrap over groups.
    """

    label: str
    auroc: float
    auroc_std: float
    balanced_accuracy: float
    yes_rate: float
    accuracy_std: float
    answers_changed: float
    is_eligible: bool
    above_best: float
    above_best_error: float

    @property
    def is_tied(self) -> bool:
        """Whether it is as good as the best one, as far as the split can tell."""
        return self.is_eligible and self.above_best <= self.above_best_error


def _figures(scores: Scores, weights: Array, objective: Objective) -> Array:
    """AUROC, its spread, balanced accuracy, Yes rate, spread of accuracy; (5, resamples)."""
    assert scores.positive is not None
    assert scores.said is not None
    shape = (scores.groups, len(scores.places))
    said = np.array([word or "" for word in scores.said])
    yes = YesTable.of(scores.positive, said == "yes", said == "no", scores.group)
    balanced, yes_rate = yes.figures(weights)[:2]
    means = PlaceTable.of(scores.score, scores.group, scores.place, shape).means(weights)
    auroc = auroc_std = np.full(len(weights), np.nan)
    if scores.margin is not None and not np.isnan(scores.margin).any():
        table = AurocTable.of(scores.margin, scores.positive, scores.group, scores.place, shape)
        auroc, auroc_std = table.overall_and_spread(weights)
    if objective.spread == "auroc" and np.isnan(auroc).any():
        raise UsageError(
            "some answers carry no margin between Yes and No, which the AUROC needs: take "
            "--objective accuracy"
        )
    return np.stack([auroc, auroc_std, balanced, yes_rate, means.std(axis=1)])


def judge(
    labels: Sequence[str], scores: Sequence[Scores], objective: Objective, seed: int = 0
) -> list[Candidate]:
    """Figures of every setting, and how far its spread is above the smallest.

    Args:
        labels: names of the settings, the stock model first.
        scores: their answers to the same questions.
        objective: what is looked for.
        seed: of the bootstrap.

    Raises:
        UsageError: answers without places, or without margins where they are needed.
    """
    stock = scores[0]
    if not stock.places or stock.positive is None:
        raise UsageError(
            f"{stock.task}: has no places, so there is no spread to make smaller: take a spatial "
            "probe"
        )
    groups = stock.groups
    once = np.ones((1, groups))
    drawn = np.random.default_rng(seed).multinomial(
        groups, np.full(groups, 1 / groups), size=RESAMPLES
    )
    values = [_figures(s, once, objective)[:, 0] for s in scores]
    resampled = [_figures(s, drawn.astype(float), objective) for s in scores]
    row = 1 if objective.spread == "auroc" else 4
    eligible = [_keeps_floor(v, values[0], objective) for v in values]
    best = min((i for i, ok in enumerate(eligible) if ok), key=lambda i: float(values[i][row]))
    found = []
    for i, (label, figures) in enumerate(zip(labels, values, strict=True)):
        difference = resampled[i][row] - resampled[best][row]
        auroc, auroc_std, balanced, yes_rate, accuracy_std = map(float, figures)
        found.append(
            Candidate(
                label=label,
                auroc=auroc,
                auroc_std=auroc_std,
                balanced_accuracy=balanced,
                yes_rate=yes_rate,
                accuracy_std=accuracy_std,
                answers_changed=_changed(scores[i], stock),
                is_eligible=eligible[i],
                above_best=float(figures[row] - values[best][row]),
                above_best_error=float(np.nanstd(difference, ddof=1)),
            )
        )
    return found


def _keeps_floor(figures: Array, stock: Array, objective: Objective) -> bool:
    rows = [0, 2] if objective.spread == "auroc" else [2]
    # A fall of exactly the floor is within it, whatever its last bit.
    return all(bool(figures[r] >= stock[r] - objective.floor - 1e-9) for r in rows)


def _changed(scores: Scores, stock: Scores) -> float:
    assert scores.said is not None
    assert stock.said is not None
    pairs = zip(scores.said, stock.said, strict=True)
    return float(np.mean([mine != theirs for mine, theirs in pairs]))


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """The setting that changes the fewest answers among those that are as good as the best one.

    The stock model changes none, so it is kept unless a setting is better by more than noise.
    """
    return min((c for c in candidates if c.is_tied), key=lambda c: c.answers_changed)


def as_facts(candidate: Candidate) -> dict[str, Any]:
    """A candidate for the record; NaN becomes None."""
    numbers = {
        name: None if np.isnan(value) else round(value, 5)
        for name, value in vars(candidate).items()
        if isinstance(value, float)
    }
    return {
        "setting": candidate.label,
        **numbers,
        "keeps_floor": candidate.is_eligible,
        "as_good_as_best": candidate.is_tied,
    }
