"""Texts as they may stand in a public record: no folder of a machine, no broken characters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lmms_bapa.provenance.surroundings import without_secrets

# A path from the root or from home; an address (https://...) is none.
_PATH = re.compile(r"(?<![\w:/.~-])(?:~[\w.-]*)?(?:/[^\s/,=:;'\"]+)*/([^\s/,=:;'\"]+)/?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def public(text: str) -> str:
    """A text without secrets, and with the last name of each absolute path in its place."""
    return readable(_PATH.sub(r"\1", without_secrets(text)))


def readable(text: str) -> str:
    """A text that UTF-8 can hold: halves of a character become U+FFFD."""
    return _SURROGATE.sub("�", text)


def as_text(value: Any) -> str:
    """Any value as the text of an ``additional_details``: texts as such, the rest as JSON."""
    if isinstance(value, str):
        return public(value)
    return public(json.dumps(_finite(value), sort_keys=True, ensure_ascii=False, default=str))


def details(**given: Any) -> dict[str, str]:
    """A map of texts, without what is not known."""
    return {key: as_text(value) for key, value in given.items() if value not in (None, {}, [])}


def _finite(value: Any) -> Any:
    """NaN is no data, for which JSON has null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
