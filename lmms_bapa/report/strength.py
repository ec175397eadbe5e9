"""Which settings lie on a curve: those that differ in one numeric option alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.options import build_interventions, option_names
from lmms_bapa.interventions import REGISTRY, Intervention

Options = Mapping[str, str]
STOCK_LINE = "no other option"


@dataclass(frozen=True)
class Curve:
    """Settings along one option.

    Attributes:
        option: its name.
        lines: the other options -> value of the option -> label of the setting; values rise.
    """

    option: str
    lines: Mapping[str, Mapping[float, str]]


def find_curves(settings: Mapping[str, Options]) -> list[Curve]:
    """One curve for each numeric option that has two values at least besides being left out.

    A setting without the option counts where what it has instead is a number: the option's
    default, or 0 where 0 is the same as leaving the method off.

    Args:
        settings: label -> options of the interventions.
    """
    names = dict.fromkeys(key for options in settings.values() for key in options)
    curves = []
    for option in sorted(names):
        owner = _owner(option)
        if owner is None:
            continue
        lines = _lines(option, owner, settings)
        if lines:
            curves.append(Curve(option, lines))
    return curves


def _owner(option: str) -> type[Intervention] | None:
    return next((m for m in REGISTRY.values() if option in option_names(m)), None)


def _number(text: Any) -> float | None:
    if isinstance(text, bool):
        return None
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _own(owner: type[Intervention]) -> set[str]:
    return {owner.name, *option_names(owner)}


def _name(options: Options) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(options.items())) or STOCK_LINE


def _lines(
    option: str, owner: type[Intervention], settings: Mapping[str, Options]
) -> dict[str, dict[float, str]]:
    own, default = _own(owner), _default(option, owner)
    found: dict[str, dict[float, str]] = {}
    foreign: dict[str, str] = {}
    without: list[tuple[str, str]] = []
    for label, options in settings.items():
        rest = {key: value for key, value in options.items() if key != option}
        others = _name({key: value for key, value in options.items() if key not in own})
        is_on = any(key in own for key in options)
        value = _number(options[option]) if option in options else default if is_on else None
        if not is_on:
            without.append((others, label))
        elif value is not None:
            found.setdefault(_name(rest), {})[value] = label
            foreign[_name(rest)] = others
    if not any(len(line) >= 2 for line in found.values()):
        return {}
    if _zero_is_off(option, owner):
        for others, label in without:
            for name, line in found.items():
                if foreign[name] == others:
                    line.setdefault(0.0, label)
    return {name: dict(sorted(line.items())) for name, line in found.items() if len(line) >= 2}


def _default(option: str, owner: type[Intervention]) -> float | None:
    name = option_names(owner)[option]
    field = next(f for f in fields(owner) if f.name == name)
    return None if field.default is MISSING else _number(field.default)


def _zero_is_off(option: str, owner: type[Intervention]) -> bool:
    options: dict[str, Any] = {option: 0}
    if owner.main is None:
        options[owner.name] = True
    try:
        return all(method.is_identity for method in build_interventions(options))
    except (UsageError, ValueError, TypeError):
        return False


def off_curve(curve: Curve, labels: Sequence[str]) -> list[str]:
    """Settings that lie on no line of a curve."""
    drawn = {label for line in curve.lines.values() for label in line.values()}
    return [label for label in labels if label not in drawn]
