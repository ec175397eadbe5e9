"""Reads the options of an exporter: ``organization=... note=...``."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import Exporter
from lmms_bapa.export.registry import EXPORTERS
from lmms_bapa.validation import nearest, one_line


def make_exporter(name: str, settings: Sequence[str] = ()) -> Exporter:
    """The exporter of a name, with its options.

    Args:
        name: as after ``--to``.
        settings: ``option=value``, values as text.

    Raises:
        UsageError: an unknown name or option, one that is given twice, or a value out of range.
    """
    if name not in EXPORTERS:
        raise UsageError(f"--to {name}: {nearest(name, list(EXPORTERS))}")
    given: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not value.strip():
            raise UsageError(f"{setting!r}: write options as name=value, such as note=...")
        if key in given:
            raise UsageError(f"{key} is given twice: which value is meant?")
        given[key] = value
    kind = EXPORTERS[name]
    for key in given:
        if key not in kind.model_fields:
            known = list(kind.model_fields)
            hint = nearest(key, known) if known else "it has no options"
            raise UsageError(f"{key} is unknown to --to {name}: {hint}")
    try:
        return kind(**given)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "missing":
            key = str(first["loc"][0])
            what = kind.model_fields[key].description
            raise UsageError(f"--to {name} needs {key}=...: {what}") from error
        raise UsageError(f"--to {name}: {one_line(error, kind)}") from error
