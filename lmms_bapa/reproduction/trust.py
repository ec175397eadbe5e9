"""A record is somebody's file: what it asks for is not yet what its reader asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.backends import CHECKPOINT

_OFF = ("", "0", "f", "false", "n", "no", "none", "off")


def check_trust(path: Path, recorded: Iterable[Mapping[str, Any]]) -> None:
    """Refuses to run code of a model's repository because a record says so.

    Args:
        path: the record.
        recorded: its ``model_args``, one of each run.

    Raises:
        UsageError: one of them has ``trust_remote_code``.
    """
    for options in recorded:
        name = next((options[key] for key in CHECKPOINT.values() if key in options), None)
        if str(options.get("trust_remote_code", "")).strip().lower() not in _OFF:
            raise UsageError(
                f"{path}: was run with code from the repository of {name}: "
                "add --trust_remote_code if you trust it"
            )
