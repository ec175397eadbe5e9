"""What the reader of a comparison should know of how its two runs were made."""

from __future__ import annotations

from lmms_bapa.harness.backends import backend_of
from lmms_bapa.results.folders import RunFolder


def remarks(first: RunFolder, second: RunFolder) -> list[str]:
    """What differs between two runs apart from their settings: one sentence each."""
    kinds = [
        backend_of(str((run.results.get("config") or {}).get("model"))) for run in (first, second)
    ]
    one, two = kinds
    if one is None or two is None or one == two:
        return []
    return [
        f"The back ends differ, {one} and {two}: they round sums differently, so an answer on the "
        "edge may differ for that alone."
    ]
