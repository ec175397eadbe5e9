"""The commands ``lmms-bapa compare`` and ``lmms-bapa power``, as they are typed."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.api.metrics import power_analysis
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.results.findings import compare
from lmms_bapa.results.folders import read_run
from lmms_bapa.results.power import Rates, for_difference, for_spread, rates_of
from lmms_bapa.statistics.power import Design, spread_power, within_correlation

from .result_folders import plain_samples, probe_samples, write_run


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "100"})
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three settings: nine of twelve groups are missed in cell 0, and ``bapa`` repairs that."""
    for setting in ("off", "agci_lambda=0.3", "bapa=true"):
        cured = setting == "bapa=true"
        blind = probe_samples(
            lambda doc, cured=cured: (
                str(doc["answer"]) if doc["cell"] or cured or doc["group"] % 4 == 3 else "No"
            ),
            groups=12,
        )
        tasks = {"t": blind, "u": plain_samples([1, 0, 1, 1])}
        if cured:
            tasks["v"] = plain_samples([1])
        extra = "" if setting == "off" else f",{setting}"
        write_run(tmp_path / setting, tasks, f"pretrained=m{extra}")
    return tmp_path


def test_two_runs_side_by_side(folders: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    said = run("compare", folders / "off", folders / "bapa=true", "--output", table)
    assert "t: accuracy of 216 questions in 12 groups; off: 95.8, spread 23.6" in said
    assert "bapa=true: better by 4.2 points; spread smaller by 23.6 points" in said
    assert "9 : 0 0.004 0.008 0.008" in said
    assert "u: accuracy of 4 questions; off: 75.0" in said
    assert "no difference shown at n = 4" in said
    assert "Left out, not in all runs or without a score per document: v" in said
    rows = list(csv.DictReader(table.open()))
    expected = compare(read_run(folders / "off"), read_run(folders / "bapa=true"))
    for row, c in zip(rows, expected, strict=True):
        assert float(row["difference"]) == c.difference.value
        assert float(row["p_holm"]) == c.p_holm
        assert (row["task"], row["wins"]) == (c.task, str(c.wins))
    assert float(rows[0]["std_difference_low"]) < 0
    assert rows[1]["std_p"] == ""  # no places, no figure


def test_one_folder_of_settings(folders: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    said = run("compare", folders, "--task", "t", "--output", table)
    assert said.index("agci_lambda=0.3: no difference shown") < said.index("bapa=true: better")
    lines = table.read_text().splitlines()
    heads = [line for line in lines if line.startswith("| ")]
    assert len(heads) == 3
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in [*heads, lines[3]]}) == 1
    assert "| bapa=true | 100.0 | +4.2 [" in lines[5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["off", "nowhere"], "nowhere: no such file or folder"),
        (["off", "bapa=true", "off"], "3 runs: give two, or one folder"),
        (["off"], "no setting beside the stock model"),
        (["off", "bapa=true", "--output", "x.txt"], "should end in .csv or .md"),
        (["off", "bapa=true", "--output", "no/x.csv"], "no such folder"),
        (["off", "bapa=true", "--task", "w"], "has no task w; it has t, u"),
    ],
)
def test_mistakes_are_one_line(
    folders: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(folders)
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert said in result.stderr


def test_power_of_stated_rates() -> None:
    said = run("power", "--spread", 0.08, "--difference", 0.03, "--simulations", 300)
    rates = Rates()
    spread = for_spread(0.08, rates, simulations=300)
    difference = for_difference(0.03, rates)
    assert (
        f"a spread of 8 points with a power of 80 % at the level of 5 %: {spread.groups} g" in said
    )
    assert (
        f"a difference of 3 points with a power of 80 % at the level of 5 %: {difference.groups}"
        in said
    )
    assert spread.groups is not None
    design = Design.of(0.85, 0.08, 9, 0.2)
    assert spread_power(design, spread.groups, simulations=4000, seed=9) == pytest.approx(
        0.8, abs=0.06
    )


def test_a_difference_is_lmms_evals_formula_times_the_design_effect() -> None:
    alone = Rates(accuracy=0.8, questions=1, within=0.0)
    std = [(p * (1 - p)) ** 0.5 for p in (0.8, 0.83)]
    expected = power_analysis(0.03, *std, correlation=0.5)["min_n"]
    assert for_difference(0.03, alone).groups == expected
    copies = Rates(accuracy=0.8, questions=10, within=1.0)
    assert for_difference(0.03, copies).groups == expected


def test_rates_of_a_pilot(folders: Path) -> None:
    got = rates_of(folders / "off", "t")
    assert (got.places, got.questions, got.groups) == (9, 18, 12)
    assert got.accuracy == pytest.approx(207 / 216)
    assert got.place_accuracy == pytest.approx(99 / 108)
    cells = [[group % 4 == 3, *[1] * 8] for group in range(12)]
    assert got.within == within_correlation(cells)
    said = run("power", "--from", folders / "off", "--task", "t", "--spread", 0.02,
               "--simulations", 200, "--within", 0.1)  # fmt: skip
    assert "Groups of 18 questions at 9 place(s), 95.8 % right (91.7 % at the places)" in said
    assert re.search(r"The pilot's size finds it in \d+ % of runs", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --spread 0.05, --difference 0.03, or both"),
        (["--spread", "0.05", "--task", "t"], "--task has no effect without --from"),
        (["--spread", "0.2"], "it can be up to 0.096"),
        (["--difference", "0.2"], "leaves room for less than 0.15"),
        (["--spread", "0.05", "--accuracy", "1"], "leaves nothing to vary"),
        (["--spread", "0.05", "--from", "off"], "name one by --task: t, u"),
        (["--spread", "0.05", "--from", "off", "--task", "u"], "needs two places or more"),
        (["--spread", "0.05", "--from", "f1"], "are not 0 or 1: give the rates yourself"),
    ],
)
def test_mistakes_in_power_are_one_line(
    folders: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[Any], said: str
) -> None:
    monkeypatch.chdir(folders)
    write_run(folders / "f1", {"t": plain_samples([0.3, 0.4])})
    result = CliRunner().invoke(app, ["power", *arguments])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert said in result.stderr


def test_a_spread_is_planned_at_the_accuracy_of_the_places() -> None:
    """The absent pictures, at no place, are not what the spread is of."""
    apart = replace(Rates(), accuracy=0.95, place_accuracy=0.7)
    alike = Rates(accuracy=0.7)
    got, expected = (for_spread(0.06, rates, simulations=200).groups for rates in (apart, alike))
    assert got == expected


def test_the_pilots_power_counts_its_groups_where_answers_are_copies() -> None:
    copies = Rates(accuracy=0.8, questions=10, within=1.0, groups=300)
    std = [(p * (1 - p)) ** 0.5 for p in (0.8, 0.83)]
    expected = power_analysis(0.03, *std, correlation=0.2, current_n=300)["current_power"]
    assert for_difference(0.03, copies, paired=0.2).pilot_power == pytest.approx(expected)
