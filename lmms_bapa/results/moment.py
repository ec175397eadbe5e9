"""When a run was made: the harness writes the clock of a zone of its own choice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lmms_bapa.errors import UsageError
from lmms_bapa.results.folders import RunFolder

_DATE = re.compile(r"\d{8}_\d{6}")
# What lmms-eval's --timezone is where nobody names one.
_TIMEZONE = "Asia/Singapore"


def moment(run: RunFolder) -> datetime:
    """When the run ended, with its zone.

    Raises:
        UsageError: it does not say.
    """
    config: Mapping[str, Any] = run.results.get("config") or {}
    zone = (config.get("resolved_cli_args") or {}).get("timezone") or _TIMEZONE
    found = _DATE.match(str(run.results.get("date") or "")) or _DATE.match(run.results_file.name)
    try:
        if found is None:
            raise ValueError("no date")
        return datetime.strptime(found[0], "%Y%m%d_%H%M%S").replace(tzinfo=ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise UsageError(
            f"{run.results_file}: does not say when it was made ({error}): run it again"
        ) from error
