"""Yes and No as detection: what is told apart, and where the threshold stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lmms_bapa.statistics.bootstrap import Array

NAMES = ("balanced_accuracy", "yes_rate", "d_prime", "criterion")


@dataclass(frozen=True)
class YesTable:
    """Replies by group.

    Attributes:
        hits: Yes where Yes is right, shape (groups,).
        positives: questions where Yes is right.
        false_alarms: Yes where No is right.
        rejections: No where No is right; other replies are neither.
        negatives: questions where No is right.
    """

    hits: Array
    positives: Array
    false_alarms: Array
    rejections: Array
    negatives: Array

    @classmethod
    def of(
        cls, positive: ArrayLike, said_yes: ArrayLike, said_no: ArrayLike, groups: ArrayLike
    ) -> YesTable:
        """Counts replies.

        Args:
            positive: whether Yes is the right answer, per question.
            said_yes: whether the reply was Yes.
            said_no: whether it was No.
            groups: number of each question's group, 0 to the last.
        """
        key, where = np.asarray(positive, dtype=bool), np.asarray(groups)
        yes, no = np.asarray(said_yes, dtype=bool), np.asarray(said_no, dtype=bool)
        size = int(where.max()) + 1

        parts = (key & yes, key, ~key & yes, ~key & no, ~key)
        counts = (np.bincount(where[part], minlength=size) for part in parts)
        return cls(*(count.astype(float) for count in counts))

    def figures(self, weights: Array) -> Array:
        """The figures of :data:`NAMES`; NaN where one kind of question was not asked.

        ``balanced_accuracy`` is the mean of the accuracies on the two kinds of questions;
        ``yes_rate`` the share of Yes among all replies; ``d_prime`` and ``criterion`` are those of
        :func:`d_prime`.

        Args:
            weights: shape (resamples, groups): how often each group counts.

        Returns:
            Shape (4, resamples).
        """
        hits, positives = weights @ self.hits, weights @ self.positives
        alarms, negatives = weights @ self.false_alarms, weights @ self.negatives
        with np.errstate(invalid="ignore", divide="ignore"):
            balanced = (hits / positives + (weights @ self.rejections) / negatives) / 2
            yes_rate = (hits + alarms) / (positives + negatives)
        sensitivity, criterion = d_prime(hits, positives, alarms, negatives)
        return np.stack([balanced, yes_rate, sensitivity, criterion])


def d_prime(
    hits: ArrayLike, positives: ArrayLike, false_alarms: ArrayLike, negatives: ArrayLike
) -> tuple[Array, Array]:
    """Sensitivity d' = z(H) - z(F) and criterion c = -(z(H) + z(F)) / 2 of signal detection.

    With the log-linear correction of Hautus (1995), Corrections for extreme proportions and their
    biasing effects on estimated values of d': half a hit and half a false alarm are added, and one
    question of each kind, so that rates of 0 and 1 have a z. Positive c: more often No.

    Returns:
        d' and c, in the shape of the arguments; NaN where one kind of question was not asked.
    """
    h, p = np.asarray(hits, dtype=float), np.asarray(positives, dtype=float)
    f, n = np.asarray(false_alarms, dtype=float), np.asarray(negatives, dtype=float)
    z_hit = stats.norm.ppf((h + 0.5) / (p + 1))
    z_alarm = stats.norm.ppf((f + 0.5) / (n + 1))
    known = (p > 0) & (n > 0)
    return (
        np.where(known, z_hit - z_alarm, np.nan),
        np.where(known, -(z_hit + z_alarm) / 2, np.nan),
    )
