"""A comparison in one careful sentence."""

from __future__ import annotations

import math

from lmms_bapa.statistics.figures import Comparison


def sentence(c: Comparison) -> str:
    """What a comparison shows, and what it does not; differences of shares in percentage points."""
    if math.isnan(c.p):
        return "no score in both runs"
    return f"{_score(c)}{_spread(c)}{_threshold(c)}"


def is_threshold_shift(c: Comparison) -> bool:
    """Whether a gain comes with more Yes, and Yes and No are not shown to be told apart better.

    By the AUROC, or by d' where no margins were recorded.
    """
    told_apart = c.extra.get("auroc") or c.extra.get("d_prime")
    yes = c.extra.get("yes_rate")
    if told_apart is None or yes is None or not c.is_gain:
        return False
    return yes.low > 0 and not told_apart.low > 0


def _score(c: Comparison) -> str:
    if c.is_shown:
        word = "better" if c.is_gain else "worse"
        return f"{word} by {_amount(c, c.difference.value)}"
    counted = "1 group" if c.groups == 1 else f"{c.groups:,} groups"
    groups = "" if c.groups == c.questions else f" in {counted}"
    if c.p_holm < c.p_groups_holm and not math.isnan(c.p_groups_holm) and c.p_holm < 0.05:
        return f"no difference shown over {counted}, though question by question p = {c.p_holm:.2g}"
    return f"no difference shown at n = {c.questions:,}{groups}"


def _amount(c: Comparison, change: float) -> str:
    return f"{c.factor * abs(change):.1f} points" if c.factor != 1 else f"{abs(change):.3g}"


def _spread(c: Comparison) -> str:
    if c.std_difference is None or math.isnan(c.std_p):
        return ""
    if not c.is_spread_shown:
        return "; spread: no difference shown"
    word = "smaller" if c.std_difference.value < 0 else "larger"
    told = f"; spread {word} by {_amount(c, c.std_difference.value)}"
    area = c.extra.get("auroc_std")
    # The spread of accuracies may be a matter of the threshold; that of the AUROC is not.
    if area is not None and not (area.high < 0 if word == "smaller" else area.low > 0):
        told += ", that of the AUROC not shown to be"
    return told


def _threshold(c: Comparison) -> str:
    if not is_threshold_shift(c):
        return ""
    figure = "AUROC" if "auroc" in c.extra else "d'"
    return (
        f"; it says Yes more often, and no gain of {figure} is shown: it may be a shifted threshold"
    )
