"""The report of real runs: an embedded model, three settings, through the command."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.tasks import TaskManager
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.harness.evaluate import evaluate_setting, model_args_text

from .harness_runs import TASK, adapter

LIMIT = 108  # six groups
SETTINGS: tuple[dict[str, Any], ...] = ({}, {"bapa": True}, {"agci_lambda": 0.5, "bapa": True})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    model, manager = adapter(batch_size=32), TaskManager(include_defaults=False)
    model.keep_loaded = True
    for options in SETTINGS:
        place = root / (model_args_text(options) or "off")
        evaluate_setting(model, options, [TASK], manager, place, LIMIT)
    return root


@pytest.fixture(scope="module")
def report(runs: Path) -> Path:
    done = CliRunner().invoke(app, ["report", str(runs)])
    assert done.exit_code == 0, done.output
    assert str(runs / "report" / "index.html") in done.output.replace("\n", "")
    return runs / "report"


def test_tables_agree_with_the_harness(runs: Path, report: Path) -> None:
    """The harness's own aggregation is another way to the same figures."""
    tables = {}
    for name in ("scores", "spread", "further", "places"):
        with (report / "tables" / f"{name}_{TASK}.csv").open(newline="") as file:
            tables[name] = {row["setting"]: row for row in csv.DictReader(file)}
    for options in SETTINGS:
        label = model_args_text(options) or "off"
        (path,) = (runs / label).rglob("*_results.json")
        found = json.loads(path.read_text(encoding="utf-8"))["results"][TASK]
        figures = {key.split(",")[0]: value for key, value in found.items()}
        assert float(tables["scores"][label]["score"]) == pytest.approx(figures["accuracy"])
        assert int(tables["scores"][label]["questions"]) == LIMIT
        assert float(tables["spread"][label]["std"]) == pytest.approx(figures["cell_std"])
        assert float(tables["spread"][label]["worst"]) == pytest.approx(figures["cell_worst"])
        assert float(tables["further"][label]["yes_rate"]) == pytest.approx(figures["yes_rate"])
        cells = [
            tables["places"][label][f"row {r}, column {c}"] for r in (1, 2, 3) for c in (1, 2, 3)
        ]
        expected = [share for row in figures["cell_accuracy"] for share in row]
        assert [float(cell) for cell in cells] == pytest.approx(expected)


def test_won_and_lost_are_counted_question_by_question(runs: Path, report: Path) -> None:
    right = {}
    for label in ("off", "bapa=true"):
        (log,) = (runs / label).rglob(f"*_samples_{TASK}.jsonl")
        lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
        right[label] = {line["doc_id"]: line["score"] == 1 for line in lines}
    pairs = [(right["off"][n], right["bapa=true"][n]) for n in right["off"]]
    with (report / "tables" / f"scores_{TASK}.csv").open(newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["setting"] == "bapa=true")
    assert int(row["wins"]) == pairs.count((False, True))
    assert int(row["losses"]) == pairs.count((True, False))


def test_page_says_what_is_missing(report: Path) -> None:
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "There is no manifest" in page
    assert "Canvas with the picture at row" in page
    assert page.count("data:image/png;base64,") >= 2  # canvases of a flip
    assert {path.stem for path in (report / "figures").glob("*.svg")} >= {
        f"settings_{TASK}",
        f"maps_{TASK}",
    }


def test_one_run_without_samples_is_said(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "x", ignore=shutil.ignore_patterns("report"))
    (log,) = (tmp_path / "x" / "bapa=true").rglob("*.jsonl")
    log.unlink()
    done = CliRunner().invoke(app, ["report", str(tmp_path / "x")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "x" / "report" / "index.html").read_text(encoding="utf-8")
    assert f"There are no samples of {TASK} with the setting bapa=true" in page
    with (tmp_path / "x" / "report" / "tables" / f"scores_{TASK}.csv").open(newline="") as file:
        labels = [row["setting"] for row in csv.DictReader(file)]
    assert labels == ["off", "agci_lambda=0.5,bapa=true"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere", "no such file or folder"), ("empty", "no results in it")],
)
def test_what_is_no_run_is_one_line(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(app, ["report", str(tmp_path / path)])
    assert done.exit_code == 2
    assert message in done.output
    assert done.output.count("\n") == 1
    assert not (tmp_path / path / "report").exists()


def test_a_folder_of_somebody_else_is_refused(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>mine</p>", encoding="utf-8")
    done = CliRunner().invoke(app, ["report", str(runs), "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert "name another folder" in done.output
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "<p>mine</p>"
