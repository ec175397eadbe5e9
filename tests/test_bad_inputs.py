"""What is wrong is said in one line, ends with a status, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import huggingface_hub
import pytest
import transformers
from packaging.version import Version

from .bad_inputs import ROWS, Row
from .bad_inputs.running import Outcome, run
from .bad_inputs.shelf import build_shelf, contents
from .harness_runs import lmms_eval

LONGEST = 1100
# What older versions of others do not look at, or cannot do at all.
NEEDS_NEWER = {
    "model_args: processor option of a word": Version(transformers.__version__).major < 5,
    "export: steered without a note": not hasattr(huggingface_hub, "EvalResultEntry"),
    "export: a note that hides it": not hasattr(huggingface_hub, "EvalResultEntry"),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shelf")
    build_shelf(place)
    return place


def messages(outcome: Outcome) -> list[str]:
    """Lines that are messages: ours, or of the parser of the harness's own options."""
    starts = ("lmms-bapa: error: ", "lmms-eval: error: ")
    return [line for line in outcome.err.splitlines() if line.startswith(starts)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_mistake_is_one_line_and_a_status(row: Row, shelf: Path) -> None:
    if NEEDS_NEWER.get(row.name):
        pytest.skip("older versions of others let it pass")
    outcome = run(row, shelf)
    told = messages(outcome)
    assert len(told) == 1, outcome.err or outcome.out
    assert row.says in told[0]
    assert len(told[0]) < LONGEST
    assert outcome.status == 2
    assert outcome.changed == []
    assert "Traceback" not in outcome.out + outcome.err
    if row.program == "lmms-bapa":
        assert outcome.err.splitlines() == told


def test_there_are_two_hundred_and_more_of_every_kind() -> None:
    assert len(ROWS) >= 200
    assert len({row.name for row in ROWS}) == len({row.command for row in ROWS}) == len(ROWS)
    from lmms_bapa.cli import app

    named = Counter(next(w for w in row.arguments if not w.startswith("-")) for row in ROWS
                    if row.program == "lmms-bapa")  # fmt: skip
    commands = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    assert commands | {"probe"} <= named.keys()
    assert sum(row.program == "lmms-eval" for row in ROWS) >= 100


def test_the_programs_themselves_do_the_same(shelf: Path) -> None:
    """As processes: an adapter's YAML that is read where the harness imports it, and a parser."""
    before = contents(shelf)
    program = Path(sys.executable).with_name("lmms-bapa")
    ours = subprocess.run(
        [str(program), "power", "--spread", "much"],
        cwd=shelf, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ours.returncode == 2
    assert ours.stderr.count("\n") == 1
    assert ours.stderr.startswith("lmms-bapa: error: Invalid value for '--spread'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMMS_BAPA_MODEL_CONFIGS", str(shelf / "adapters" / "range"))
        theirs = lmms_eval(
            "--model", "own_bapa", "--model_args", "pretrained=micro-llava",
            "--tasks", "spatial_probe_lite", "--output_path", "out", cwd=shelf,
        )  # fmt: skip
    assert theirs.returncode == 2
    assert "lmms-bapa: error: AGCI: lambda must be a number >= 0, got -1\n" in theirs.stderr
    assert "Traceback" not in theirs.stdout + theirs.stderr
    assert contents(shelf) == before
