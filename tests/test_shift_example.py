"""The example of the documentation, run as printed: a planted bias shows in a shifted task."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lmms_bapa.runs.shift_files import read_settings, write_shifted

from .harness_runs import adapter, evaluate
from .shift_runs import manager

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "position_shift.md"


def test_the_example_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example.py", "exec"), {})
    tasks = tmp_path / "my_tasks"
    manager(tasks)
    write_shifted("single", read_settings(["ratio=3"]), tasks / "shifted_tasks", "_shift")

    names = ("original", "mean", "worst", "std")
    for settings, label in (({}, "off"), ({"bapa": True}, "`bapa=true`")):
        model = adapter(batch_size=32, **settings)
        results = evaluate(model, ["single", "single_shift"], manager=manager(tasks))["results"]
        got = results["single_shift"]
        assert got["exact_match_original,none"] == results["single"]["exact_match,none"]
        places = got["exact_match_placements,none"]
        assert settings or min(places, key=places.__getitem__) == "r1c1"
        (row,) = re.findall(rf"^\| {label} \| (.*) \|$", text, re.MULTILINE)
        printed = [float(cell.split()[0]) for cell in row.split("|")]
        figures = [100 * got[f"exact_match_{name},none"] for name in names]
        # Another processor may round one answer in two hundred another way.
        assert figures == pytest.approx(printed[:4], abs=1)
        assert 100 * got["flip_rate,none"] == pytest.approx(printed[4], abs=1)
        assert 100 * got["right_everywhere,none"] == pytest.approx(printed[5], abs=1.1)
