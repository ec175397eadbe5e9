"""Every proven architecture and kind of RoPE: vLLM says what transformers says, to 1e-5.

One batch has a prompt with one image, one with two images, and one without; the whole vocabulary's
log-probabilities are compared at each of nine steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from .checkpoints import FAMILIES, ROPES, Small
from .parity import SETTINGS, cases
from .reference import Reference


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk, and in transformers."""

    small: Small
    folder: Path
    reference: Reference


PAIRS = [(name, setting) for name in FAMILIES for setting in SETTINGS]
PAIRS += [(name, "both") for name in ROPES]


@pytest.fixture(scope="module")
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    small = (FAMILIES | ROPES)[request.param]
    folder = small.save(tmp_path_factory.mktemp("checkpoint"))
    return Saved(small, folder, Reference(folder, small.unread))


@pytest.mark.parametrize(("saved", "setting"), PAIRS, indirect=["saved"])
def test_both_back_ends_say_the_same(saved: Saved, setting: str) -> None:
    wanted = SETTINGS[setting]
    for case in cases(saved.folder, saved.reference, wanted):
        case.check(bool(wanted))
