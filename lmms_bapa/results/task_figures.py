"""From the scores of one task to its figures."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cached_property

import numpy as np

from lmms_bapa.results.scores import Array, Scores
from lmms_bapa.statistics import auroc, bootstrap, detection
from lmms_bapa.statistics.figures import Interval, PlaceFigures, TaskFigures
from lmms_bapa.statistics.intervals import is_binary, mean_interval, wilson
from lmms_bapa.statistics.places import PlaceTable, position_test, spread

# A resample of the AUROC looks at all pairs of groups.
AUROC_RESAMPLES = 999


class Tables:
    """Sums of a task's scores by group, from which any resample's figures follow.

    Args:
        scores: of the task.
    """

    def __init__(self, scores: Scores) -> None:
        self.scores = scores

    @cached_property
    def places(self) -> PlaceTable | None:
        """Scores by place; None for a task without places."""
        s = self.scores
        if not s.places:
            return None
        return PlaceTable.of(s.score, s.group, s.place, (s.groups, len(s.places)))

    @cached_property
    def replies(self) -> detection.YesTable | None:
        """Yes and No by group; None for a task that is not our probes'."""
        s = self.scores
        if s.positive is None or s.said is None:
            return None
        yes, no = ([said == word for said in s.said] for word in ("yes", "no"))
        return detection.YesTable.of(s.positive, yes, no, s.group)

    @cached_property
    def margins(self) -> auroc.AurocTable | None:
        """Pairs of margins by group; None where there are none, or on one side only."""
        s = self.scores
        if s.margin is None or s.positive is None:
            return None
        known = ~np.isnan(s.margin)
        key = s.positive[known]
        if key.all() or not key.any():
            return None
        # Without places, everything is at one.
        place, count = (s.place, len(s.places)) if s.places else (np.zeros_like(s.place), 1)
        return auroc.AurocTable.of(
            s.margin[known], key, s.group[known], place[known], (s.groups, count)
        )


def figures_of(scores: Scores, seed: int = 0) -> TaskFigures:
    """All figures of one setting on one task."""
    tables, known = Tables(scores), ~np.isnan(scores.score)
    extra = _reply_figures(tables, seed) | _consistency(scores) | _shift_figures(tables, seed)
    margins, by_place, auroc_std = tables.margins, [], Interval(math.nan)
    if margins is not None:
        found = bootstrap.bootstrap(
            margins.overall_and_spread, scores.groups, seed, AUROC_RESAMPLES
        )
        extra["auroc"] = found[0]
        if scores.places:
            auroc_std = found[1]
            by_place = margins.by_place(np.ones((1, scores.groups)))[0].tolist()
    return TaskFigures(
        task=scores.task,
        metric=scores.metric,
        questions=int(known.sum()),
        groups=len(set(scores.group[known].tolist())),
        score=_mean(scores.score, scores.group),
        places=_place_figures(tables, by_place, auroc_std, seed),
        extra=extra,
    )


def _mean(values: Array, groups: np.ndarray) -> Interval:
    from lmms_eval.api.metrics import clustered_stderr  # seconds to import, not always needed

    known = ~np.isnan(values)
    kept, names = values[known].tolist(), groups[known].tolist()
    error = clustered_stderr(kept, names) if len(kept) > 1 else math.nan
    return mean_interval(kept, error, len(set(names)))


def _share(values: Array) -> Interval:
    """A share of independent ones where scores are 0 or 1, otherwise a mean."""
    known = values[~np.isnan(values)]
    if is_binary(known):
        return wilson(int(known.sum()), known.size)
    return _mean(known, np.arange(known.size))


def _place_figures(
    tables: Tables, auroc_by_place: list[float], auroc_std: Interval, seed: int
) -> PlaceFigures | None:
    table, scores = tables.places, tables.scores
    if table is None:
        return None
    std, reach, worst = bootstrap.bootstrap(
        lambda weights: spread(table.means(weights), scores.higher_is_better),
        scores.groups,
        seed,
    )
    test = position_test(table, seed)
    method = f"permutation of places within groups ({test.permutations:,})"
    return PlaceFigures(
        names=list(scores.places),
        rows=scores.rows,
        score=[_share(scores.score[scores.place == n]) for n in range(len(scores.places))],
        auroc=auroc_by_place,
        std=std,
        range=reach,
        worst=worst,
        chance_std=test.chance_std,
        matters_p=test.p,
        matters_test=method if test.permutations else test.chance_std.method,
        auroc_std=auroc_std,
    )


def _reply_figures(tables: Tables, seed: int) -> dict[str, Interval]:
    replies, said = tables.replies, tables.scores.said
    if replies is None or said is None:
        return {}
    found = bootstrap.bootstrap(replies.figures, tables.scores.groups, seed)
    unparsed = wilson(sum(reply is None for reply in said), len(said))
    return dict(zip(detection.NAMES, found, strict=True)) | {"unparsed": unparsed}


def _consistency(scores: Scores) -> dict[str, Interval]:
    """Share of groups whose key question got the same reply at every place."""
    if scores.said is None or scores.positive is None or not scores.places:
        return {}
    replies: dict[int, dict[int, str | None]] = defaultdict(dict)
    for i in np.flatnonzero(scores.positive & (scores.place >= 0)).tolist():
        replies[int(scores.group[i])][int(scores.place[i])] = scores.said[i]
    whole = [g for g in replies.values() if len(g) == len(scores.places)]
    return {"consistency": wilson(sum(len(set(g.values())) == 1 for g in whole), len(whole))}


def _shift_figures(tables: Tables, seed: int) -> dict[str, Interval]:
    """The unshifted pictures, and how often a shifted one has another verdict."""
    scores, table = tables.scores, tables.places
    if scores.original is None or table is None:
        return {}
    original = scores.original
    found = {"original": _share(original)}
    whole = table.complete & ~np.isnan(original)
    if not (is_binary(scores.score) and is_binary(original)) or not whole.any():
        return found
    first, sums = original[whole], table.sums[whole]
    flips = np.where(first > 0, sums.shape[1] - sums.sum(axis=1), sums.sum(axis=1))

    def flip_rate(weights: Array) -> Array:
        shown: Array = weights.sum(axis=1) * sums.shape[1]
        rate: Array = (weights @ flips)[None] / shown
        return rate

    found["flip_rate"] = bootstrap.bootstrap(flip_rate, len(first), seed)[0]
    everywhere = (first > 0) & (sums.sum(axis=1) == sums.shape[1])
    found["right_everywhere"] = wilson(int(everywhere.sum()), len(first))
    return found
