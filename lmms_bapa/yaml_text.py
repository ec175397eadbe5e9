"""Reads YAML that a user wrote."""

from __future__ import annotations

from typing import Any

import yaml

from lmms_bapa.errors import UsageError


def parse_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        UsageError: it is none; the message is the parser's, in one line.
    """
    try:
        return yaml.safe_load(text)
    except Exception as error:  # PyYAML leaves values such as `!!int ''` to Python's own errors
        said = " ".join(str(error).split())
        raise UsageError(f"not YAML: {said}") from error
