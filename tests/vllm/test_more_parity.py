"""The same for further families, under both interventions at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .more_checkpoints import MORE
from .parity import SETTINGS, cases
from .questions import fitting
from .reference import Reference


@pytest.mark.parametrize("name", MORE)
def test_both_back_ends_say_the_same(name: str, tmp_path: Path) -> None:
    small = MORE[name]
    folder = small.save(tmp_path / "checkpoint")
    reference = Reference(folder, small.unread)
    for case in cases(folder, reference, SETTINGS["both"], fitting(small.facts)):
        case.check(True)
