"""Was a document answered right? Read from what the harness's scorers keep of a reply.

The harness has no common form for it. Each rule knows one shape of record; a task whose records
have none of these shapes has no verdict, and no figure is made up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from lmms_eval.tasks.mmbench.mmbench_evals import MMBench_Evaluator

from lmms_bapa.metrics.placements import is_number

Record = Mapping[str, Any]


def _same(one: Any, other: Any) -> float:
    return float(str(one).strip().lower() == str(other).strip().lower())


def _seedbench(record: Record) -> float:
    return _same(record["pred"], record["answer"])


def _mmmu(record: Record) -> float:
    return float(record["parsed_pred"] == record["answer"])


def _mmbench(record: Record) -> float | None:
    if record["answer"] not in ("A", "B", "C", "D"):  # kept secret
        return None
    return float(MMBench_Evaluator().prefetch_answer(dict(record)) == record["answer"])


def _hallusion(record: Record) -> float:
    said = "1" if "yes" in record["model_prediction"].lower() else "0"
    return float(said == record["gt_answer"])


# The keys that make a record one of a kind, and how its verdict is read.
RULES: tuple[tuple[frozenset[str], Callable[[Record], float | None]], ...] = (
    (frozenset({"is_correct"}), lambda record: float(record["is_correct"])),
    (frozenset({"pred", "answer"}), _seedbench),
    (frozenset({"parsed_pred", "answer"}), _mmmu),
    (frozenset({"prediction", "answer", "A", "B", "C", "D"}), _mmbench),
    (frozenset({"model_prediction", "gt_answer"}), _hallusion),
)


def verdict(
    values: Mapping[str, Any],
    score_key: str,
    metric: str | None = None,
    lower_is_better: Collection[str] = (),
) -> float | None:
    """Whether a task takes a reply for right.

    Args:
        values: what the task made of the reply, by metric.
        score_key: the task's name for the score in a record.
        metric: the metric to look at; None for the first that has a verdict.
        lower_is_better: metrics whose scores count what is wrong: 1 is wrong, 0 is right.

    Returns:
        0 or 1, a share of right for tasks that give one, None if no record tells.
    """
    for name in values if metric is None else [metric]:
        found = _read(values.get(name), score_key, name in lower_is_better)
        if found is not None:
            return found
    return None


def _read(value: Any, score_key: str, is_error: bool) -> float | None:
    score: Any = value.get(score_key) if isinstance(value, Mapping) else value
    if is_number(score) or isinstance(score, bool | np.bool_):
        return 1 - float(score) if is_error else float(score)
    if not isinstance(value, Mapping):
        return None
    rules = (read for keys, read in RULES if keys <= set(value))
    return next((read(value) for read in rules), None)
