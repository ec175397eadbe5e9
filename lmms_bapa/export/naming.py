"""How an export names what was in force, and whether a note of the user's names it, too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields
from itertools import zip_longest
from typing import TypeGuard

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import REGISTRY, Intervention

STOCK = "stock model"
PLACEHOLDER = "{intervention}"
_NOT = r"(?:no|not|non|without)\b\W*"
_NUMBER = re.compile(r"\d*\.?\d+(?:e[+-]?\d+)?", re.IGNORECASE)


def phrase(interventions: Sequence[Intervention]) -> str:
    """All that was in force, in full: ``AGCI lambda=0.3, scope=image; BaPA strength=1, ...``.

    Args:
        interventions: in force; none is the stock model.
    """
    return "; ".join(f"{_name(one)} {_options(one)}".strip() for one in interventions) or STOCK


def short(interventions: Sequence[Intervention]) -> str:
    """The same for a row of a table, without defaults: ``AGCI (lambda = 0.3) + BaPA``."""
    parts = []
    for one in interventions:
        own = [f"{k} = {_value(v)}" for f, k, v in _fields(one) if v != f.default]
        parts.append(f"{_name(one)} ({', '.join(own)})" if own else _name(one))
    return " + ".join(parts) or STOCK


def as_code(interventions: Sequence[Intervention]) -> list[str]:
    """The same as Python: ``["AGCI(lambda_=0.3)", "BaPA()"]``, without defaults."""
    found = []
    for one in interventions:
        given = (
            f"{f.name}={_literal(value)}" for f, _, value in _fields(one) if value != f.default
        )
        found.append(f"{_name(one)}({', '.join(given)})")
    return found


def check_note(note: str | None, interventions: Sequence[Intervention], label: str) -> str:
    """The note of a setting, if it names each intervention with its strength, and no other one.

    Args:
        note: what the user wrote; ``{intervention}`` in it stands for :func:`phrase`.
        interventions: in force.
        label: of the setting, for the message.

    Returns:
        The note, filled in; empty for none.

    Raises:
        UsageError: it leaves one out, or names one that was not in force; with a note to paste.
    """
    filled = (note or "").replace(PLACEHOLDER, phrase(interventions)).strip()
    said = _said(filled)
    wrong = [
        f"does not say {problem}"
        for one in interventions
        if (problem := _missing(one, said.pop(_name(one), None)))
    ]
    wrong += [f"names {name}, which was not in force" for name in said]
    if wrong:
        what = wrong[0] if note else "is missing: the score is not the model's own"
        ready = f"note='{phrase(interventions)}'" if interventions else "leave note= out"
        raise UsageError(f"setting {label}: the note {what}: {ready}")
    return filled


def _name(one: Intervention) -> str:
    return type(one).__name__


def _fields(one: Intervention) -> Iterator[tuple[Field[object], str, object]]:
    for field in fields(one):
        yield field, field.name.rstrip("_"), getattr(one, field.name)


def _options(one: Intervention) -> str:
    return ", ".join(f"{key}={_value(value)}" for _, key, value in _fields(one))


def _value(value: object) -> str:
    return str(value).removesuffix(".0") if _is_number(value) else str(value)


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names() -> Mapping[str, str]:
    """What a method may be called, in small letters -> its name here."""
    known: dict[str, str] = {}
    for method in REGISTRY.values():
        spoken = [method.name, method.__name__]
        if method.alias is not None:
            spoken.append("=".join(method.alias))
        known |= {word.lower(): method.__name__ for word in spoken}
    return known


def _said(note: str) -> dict[str, str]:
    """What a note says behind the name of each method, up to the name of the next.

    What it denies (``without AGCI 0.3``) it does not say.
    """
    known = _names()
    words = "|".join(re.escape(word) for word in sorted(known, key=len, reverse=True))
    found = list(re.finditer(rf"(?<![a-z])({_NOT})?({words})(?![a-z])", note, re.IGNORECASE))
    said: dict[str, str] = {}
    for match, following in zip_longest(found, found[1:]):
        name, end = known[match[2].lower()], following.start() if following else len(note)
        if match[1] is None:
            said[name] = f"{said.get(name, '')} {note[match.end() : end]}"
    return said


def _missing(one: Intervention, said: str | None) -> str | None:
    """What a note leaves out of a method: its name, a number, or another option than usual."""
    if said is None:
        return _name(one)
    numbers = {float(number) for number in _NUMBER.findall(said)}
    for field, key, value in _fields(one):
        if _is_number(value):
            if float(value) not in numbers:
                return f"{_name(one)} {key}={_value(value)}"
        elif value != field.default and str(value).lower() not in said.lower():
            return f"{_name(one)} {key}={_value(value)}"
    return None


def is_folder(model: str) -> bool:
    """Whether a model was given as a folder, not as a hub id or by its own name."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model


def short_model(model: str) -> str:
    """The name of a model, without the folders above it."""
    return re.split(r"[/\\]", model.rstrip("/\\"))[-1] if is_folder(model) else model
