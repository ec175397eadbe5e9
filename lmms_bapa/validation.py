"""Turns an error into one line that a user can act on."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ValidationError

_SHORT = 40
_LONGEST = 1000


def nearest(key: str, known: list[str]) -> str:
    """A hint for an unknown key: the nearest known one, or all of them if that is a short list."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    if len(known) > _SHORT:
        return f"none of the {len(known):,} that are known is like it"
    return f"known are {', '.join(sorted(known))}"


def reason(error: Exception) -> str:
    """The first line of what an error says, with its name if that is a mere word or nothing."""
    said, name = str(error).strip(), type(error).__name__
    if isinstance(error, KeyError) or not said:
        said = f"{name} {said}".strip()
    return said.splitlines()[0]


def printable(error: Exception | str) -> str:
    """What an error says as one line of a terminal: no control characters, and not endless."""
    said = "".join(c if c.isprintable() else " " for c in " ".join(str(error).split()))
    half = _LONGEST // 2
    return said if len(said) <= _LONGEST else f"{said[:half]} ... {said[-half:]}"


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of a validation, with the nearest known name for an unknown one."""
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""  # further parts are pydantic's, not ours
    if first["type"] == "extra_forbidden":
        return f"unknown option {key!r}: {nearest(key, list(model.model_fields))}"
    message = first["msg"].replace("Input should", "should").removeprefix("Value error, ")
    return f"{key}={first['input']!r}: {message}" if key else message
