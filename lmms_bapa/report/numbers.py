"""Numbers as they are printed. Shares are shown in percent, other figures as they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lmms_bapa.statistics.figures import ALPHA, Interval

NONE = "–"
# Control characters, so that no label can hold them by accident.
CODE = ("\x02", "\x03")
_SMALLEST_P = 0.001
NO_BREAK = "\u00a0"  # a space where no line breaks


@dataclass(frozen=True)
class Unit:
    """How a figure is printed.

    Attributes:
        factor: multiplies it.
        digits: decimals.
        name: stands behind it in sentences.
        axis: names it on an axis.
        difference: names a difference in sentences.
    """

    factor: float
    digits: int
    name: str
    axis: str
    difference: str

    def number(self, value: float, sign: bool = False) -> str:
        """One value; "–" if there is none."""
        if math.isnan(value):
            return NONE
        scaled = round(value * self.factor, self.digits) + 0.0  # no "-0.0"
        plus = "+" if sign and scaled else ""
        return f"{scaled:{plus}.{self.digits}f}".replace("-", "−")

    def interval(self, interval: Interval | None, sign: bool = False) -> str:
        """A value, with its interval in brackets if it has one."""
        if interval is None:
            return NONE
        value = self.number(interval.value, sign)
        ends = self.ends(interval, sign)
        return f"{value} ({ends})" if ends and value != NONE else value

    def ends(self, interval: Interval, sign: bool = False) -> str:
        """The ends of an interval, or nothing."""
        if math.isnan(interval.low) or math.isnan(interval.high):
            return ""
        return f"{self.number(interval.low, sign)} to {self.number(interval.high, sign)}"


SHARE = Unit(100, 1, " %", "%", " points")
PLAIN = Unit(1, 3, "", "score", "")
AREA = Unit(1, 3, "", "AUROC", "")


def unit_of(scores: Iterable[Interval]) -> Unit:
    """Percent if all values lie between 0 and 1, else the numbers as they are."""
    values = [i.value for i in scores if not math.isnan(i.value)]
    return SHARE if all(0 <= value <= 1 for value in values) else PLAIN


def p_text(p: float) -> str:
    """A probability with three decimals; small ones as a bound, never as 0."""
    if math.isnan(p):
        return NONE
    return f"<{NO_BREAK}{_SMALLEST_P}" if p < _SMALLEST_P else f"{p:.3f}"


def p_clause(p: float, name: str = "p") -> str:
    """The same as a clause: ``p = 0.012`` or ``p < 0.001``."""
    text = p_text(p)
    sign = "" if text.startswith("<") else f"={NO_BREAK}"
    return f"{name}{NO_BREAK}{sign}{text}"


def is_small(p: float) -> bool:
    """Whether p is below 0.05."""
    return p < ALPHA


def code(label: str) -> str:
    """Marks the name of a setting within a sentence; the page shows it as code."""
    return f"{CODE[0]}{label}{CODE[1]}"
