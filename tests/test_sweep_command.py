"""The command ``lmms-bapa sweep``: what it shows, and what it refuses before the work."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.harness.journal import Journal
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.sweep.progress import SweepProgress, span
from lmms_bapa.sweep.table import PREFERRED, sweep_tables

ARGUMENTS = [
    *("--model_args", "pretrained=micro-llava,device=cpu", "--tasks", "spatial_probe_lite"),
    *("--grid", "bapa=false,true", "--limit", "18", "--batch_size", "18"),
]


def without(*options: str) -> list[str]:
    pairs = zip(ARGUMENTS[::2], ARGUMENTS[1::2], strict=True)
    return [word for key, value in pairs if key not in options for word in (key, value)]


def test_a_sweep_shows_its_settings_side_by_side(tmp_path: Path) -> None:
    output = tmp_path / "runs" / "x"
    result = CliRunner().invoke(app, ["sweep", *ARGUMENTS, "--output", str(output)])
    assert result.exit_code == 0, result.output + result.stderr
    results = [json.loads(p.read_text()) for p in sorted(output.rglob("*_results.json"))]
    for label, found in zip(("bapa=true", "off"), results, strict=True):
        score = found["results"]["spatial_probe_lite"]["balanced_accuracy,none"]
        (row,) = re.findall(rf"^ *{label} .*$", result.output, flags=re.MULTILINE)
        assert f"{score:.3f}" in row
    told = " ".join(result.output.split())
    assert f"lmms-bapa report {output}".replace(" ", "") in told.replace(" ", "")

    config = yaml.safe_load((output / "sweep.yaml").read_text())
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    again = ["sweep", str(tmp_path / "own.yaml"), "--output", str(output)]
    assert CliRunner().invoke(app, again).exit_code == 0  # everything is there
    other = CliRunner().invoke(app, [*again, "--limit", "36"])
    assert other.exit_code == 2
    assert "holds a sweep with another limit (18 there, 36 here)" in other.stderr


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["sweep", *without("--batch_size"), "--batch_size", "6"]
    arguments += ["--output", str(tmp_path / "x")]
    record = Journal.record

    def pressed(self: Journal, batch: Any, replies: Any) -> None:
        record(self, batch, replies)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as keys:
        keys.setattr(Journal, "record", pressed)
        result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == (
        "lmms-bapa: interrupted: give the same command again, which goes on where it was"
    )
    assert (tmp_path / "x" / "off" / "answers.jsonl").read_bytes().count(b"\n") == 1
    assert CliRunner().invoke(app, arguments).exit_code == 0


def test_no_number_is_cut_off_in_a_narrow_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = dict.fromkeys(PREFERRED, 0.123)
    results = {"spatial_probe": {f"{name},none": value for name, value in figures.items()}}
    texts = ["agci_lambda=0.3,bapa=true,bapa_anchor=center", "agci_lambda=auto,bapa=true"]
    runs = [
        RunFolder(
            tmp_path / "results.json",
            {"results": results, "configs": {}, "config": {"model_args": text}},
        )
        for text in texts
    ]
    monkeypatch.setattr("lmms_bapa.sweep.table.read_runs", lambda path: runs)
    console = Console(width=80, record=True, file=io.StringIO())
    for table in sweep_tables(tmp_path):
        console.print(table)
    shown = console.export_text()
    assert shown.count("0.123") == len(texts) * len(PREFERRED)
    assert "\u2026" not in shown  # the sign of something cut off
    for option in ("agci_lambda=0.3,", "bapa_anchor=center", "consistency"):
        assert option in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([*without("--grid"), "--grid", "agci_lamda=1"], "did you mean agci_lambda?"),
        ([*without("--grid"), "--grid", "bapa="], "--grid bapa=: no values"),
        (without("--grid"), "--grid is missing: add --grid agci_lambda=0,0.3"),
        ([*without("--tasks"), "--tasks", "spatial_prob"], "did you mean spatial_probe"),
        (
            [*without("--model_args"), "--model_args", "pretrained=micro-llama"],
            "pretrained=micro-llama: unknown model: did you mean micro-llava?",
        ),
        ([*ARGUMENTS, "--model", "qwen2_5_vl_bapa"], "llava does not fit this adapter"),
        ([*ARGUMENTS, "--include_path", "nowhere"], "--include_path nowhere: no such folder"),
    ],
)
def test_a_wrong_sweep_is_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: list[str], line: str
) -> None:
    output = tmp_path / "x"
    result = CliRunner().invoke(app, ["sweep", *arguments, "--output", str(output)])
    assert result.exit_code == 2
    (error,) = [text for text in result.stderr.splitlines() if text.startswith("lmms-bapa: error:")]
    assert line in error
    assert not output.exists()


def test_no_output_folder_is_one_line() -> None:
    result = CliRunner().invoke(app, ["sweep", *ARGUMENTS])
    assert result.exit_code == 2
    assert "--output is missing" in result.stderr


def test_a_probe_that_the_model_does_not_know_can_be_put_right_in_the_same_folder(
    tmp_path: Path,
) -> None:
    output = tmp_path / "x"
    wrong = [*without("--tasks"), "--tasks", "spatial_probe_hard_5x5", "--output", str(output)]
    result = CliRunner().invoke(app, ["sweep", *wrong])
    assert result.exit_code == 2
    assert "knows 3 x 3 grids only" in result.stderr
    right = ["sweep", *without("--grid"), "--grid", "bapa=false", "--output", str(output)]
    assert CliRunner().invoke(app, right).exit_code == 0


def test_rate_and_time_left_are_those_of_new_answers() -> None:
    progress = SweepProgress()
    progress.start(1000)
    progress.answered(400, now=False)
    assert progress.told(8) == ""
    progress.answered(200, now=True)
    assert progress.told(8) == "25.0 questions/s, 0:16 left"  # 400 are left
    assert [span(s) for s in (0, 65, 3600, 7265.4)] == ["0:00", "1:05", "1:00:00", "2:01:05"]


def test_two_processes_give_the_sweep_of_one(tmp_path: Path) -> None:
    # 17 questions: the second process has one fewer, and repeats its last.
    arguments = [*without("--limit", "--batch_size"), "--limit", "17", "--batch_size", "4"]
    one = CliRunner().invoke(app, ["sweep", *arguments, "--output", str(tmp_path / "one")])
    assert one.exit_code == 0, one.stderr
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "--module", "lmms_bapa", "sweep", *arguments]
    surroundings = os.environ | {
        "ACCELERATE_USE_CPU": "1",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "two")],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Report: lmms-bapa report") == 1
    for label in ("off", "bapa=true"):
        logs = [next((tmp_path / n / label).rglob("*_samples_*.jsonl")) for n in ("one", "two")]
        one_log, two_log = ([json.loads(x) for x in log.read_text().splitlines()] for log in logs)
        assert [x["doc_id"] for x in two_log] == [*range(0, 17, 2), *range(1, 17, 2)]
        said = [{x["doc_id"]: x["filtered_resps"] for x in log} for log in (one_log, two_log)]
        assert said[0] == said[1]
        assert (tmp_path / "two" / label / "answers.1.jsonl").is_file()
