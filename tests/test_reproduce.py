from __future__ import annotations

import json
import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.journal import Journal
from lmms_bapa.provenance.manifest import read_manifest
from lmms_bapa.reproduction.agreement import Change, agreement
from lmms_bapa.reproduction.recorded import record_of
from lmms_bapa.reproduction.runner import plan
from lmms_bapa.results.folders import RunFolder, read_run, read_runs
from lmms_bapa.sweep.config import SweepConfig
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep
from tests.harness_runs import TASK, command_line

LIMIT = 18


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished sweep: off and BaPA."""
    path = tmp_path_factory.mktemp("runs") / "first"
    config = SweepConfig(
        model_args={"pretrained": "micro-llava", "device": "cpu"},
        tasks=[TASK],
        grid={"bapa": [True]},
        limit=LIMIT,
        batch_size=6,
    )
    sweep(config, path, SweepProgress())
    return path


@pytest.fixture
def first(made: Path, tmp_path: Path) -> Path:
    """A copy, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "first"))


def reproduce(*arguments: object) -> tuple[int, str]:
    """The command: its status and what it said."""
    done = CliRunner().invoke(app, ["reproduce", *map(str, arguments)], env={"COLUMNS": "300"})
    return done.exit_code, done.output


def edit(folder: Path, pattern: str, old: str, new: str) -> None:
    (path,) = folder.rglob(pattern)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- whole runs ---------------------------------------------------------------------------------


def test_a_sweep_is_the_same_and_is_not_touched(first: Path) -> None:
    before = contents(first)
    status, said = reproduce(first)
    assert status == 0, said
    for setting in ("off", "bapa=true"):
        assert f"{setting}: the same, {LIMIT} of {LIMIT} answers equal; margins differ by 0" in said
    assert contents(first) == before
    (new,) = first.parent.glob("first-reproduced-*")
    assert [run.label for run in read_runs(new)] == ["off", "bapa=true"]
    old, again = read_manifest(first), read_manifest(new)
    assert old is not None
    assert again is not None
    digests = [o.answers_sha256 for o in old.outcomes.values()]
    assert [o.answers_sha256 for o in again.outcomes.values()] == digests


def test_one_other_answer_is_found(first: Path, tmp_path: Path) -> None:
    (log,) = (first / "bapa=true").rglob("*_samples_*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    now = lines[7]["filtered_resps"]
    lines[7]["filtered_resps"] = "Perhaps"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, said = reproduce(first, "--setting", "bapa=true", "--output", tmp_path / "new")
    assert status == 1
    assert f"bapa=true: NOT the same, {LIMIT - 1} of {LIMIT} answers equal" in said
    assert f"{TASK}, document 7: 'Perhaps', now {now!r}" in said
    assert [run.label for run in read_runs(tmp_path / "new")] == ["bapa=true"]


def test_a_setting_by_its_own_folder(first: Path) -> None:
    status, said = reproduce(first / "bapa=true")
    assert status == 0, said
    (new,) = first.parent.glob("first-reproduced-*")  # beside the sweep, not in it
    assert [run.label for run in read_runs(first)] == ["off", "bapa=true"]
    assert [run.label for run in read_runs(new)] == ["bapa=true"]


def test_ctrl_c_says_how_to_go_on(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, new = Journal.record, tmp_path / "new"

    def pressed(self: Journal, batch: Any, replies: Any) -> None:
        record(self, batch, replies)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as keys:
        keys.setattr(Journal, "record", pressed)
        status, said = reproduce(first, "--output", new)
    assert status == 130
    assert f"interrupted: to go on, give the same command with --output {new}" in said
    assert reproduce(first, "--output", new)[0] == 0


def test_other_weights_end_it_unless_asked_for(first: Path, tmp_path: Path) -> None:
    manifest = read_manifest(first / "off")
    assert manifest is not None
    edit(first / "off", "manifest.json", str(manifest.model.weights_sha256), "f" * 64)
    edit(first / "off", "manifest.json", manifest.versions["torch"] or "", "0.0.1")
    options = (first, "--setting", "off", "--output", tmp_path / "new")
    status, said = reproduce(*options)
    assert status == 2
    assert "weights differ: ffffffffffff... and now" in said
    assert "Not as it was: torch: 0.0.1 and now" in said
    assert not (tmp_path / "new").exists()
    status, said = reproduce(*options, "--anyway")
    assert status == 0, said
    assert f"off: the same, {LIMIT} of {LIMIT}" in said


def test_a_run_of_lmms_eval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = "pretrained=micro-llava,device=cpu,agci_lambda=0.3"
    path = tmp_path / "plain"
    typed = ["--model", "llava_bapa", "--tasks", TASK, "--limit", str(LIMIT), "--log_samples"]
    command_line(monkeypatch, *typed, "--model_args", options, "--output_path", str(path))
    status, said = reproduce(path, "--output", tmp_path / "new")
    assert status == 0, said
    assert "Not recorded, so not compared: versions of packages, hash of the weights" in said
    assert f"agci_lambda=0.3: the same, {LIMIT} of {LIMIT} answers equal" in said


def test_a_copy_is_never_put_inside_the_run(first: Path) -> None:
    off, bapa = read_runs(first)
    for path in (off.results_file, off.path, first / "off", first):
        assert plan(path).output.parent == first.parent
    plain = Path(shutil.copytree(bapa.path.parent, first.parent / "plain"))
    (results,) = plain.rglob("*_results.json")
    for path in (results, results.parent, plain):
        assert plan(path).output.parent == first.parent


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"num_fewshot": null', '"num_fewshot": 5', "num_fewshot=5"),
        ('"offset": 0', '"offset": 9', "offset=9"),
        ('"torch_seed": 1234', '"torch_seed": 1', "torch_seed=1"),
        # The harness names the class, too: lmms_bapa.harness.presets.hf_bapa.
        ("hf_bapa", "llava_hf", "llava_hf, which is not found"),
        ("pretrained=micro-llava", "image_token=[REDACTED]", "blotted out"),
        ("pretrained=micro-llava", "dtype=float32", "which model"),
        ('"batch_size": "6"', '"batch_size": "auto"', "not a number"),
    ],
)
def test_refuses_what_it_cannot_give_again(first: Path, old: str, new: str, said: str) -> None:
    place = first / "off"
    (place / "manifest.json").unlink()
    (results,) = place.rglob("*_results.json")
    text = results.read_text()
    assert old in text
    results.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        plan(place)


def test_code_of_a_repository_is_not_run_because_a_record_says_so(first: Path) -> None:
    asked = r"code from the repository of micro-llava: add --trust_remote_code"
    edit(first, "sweep.yaml", "pretrained:", "trust_remote_code: true\n  pretrained:")
    with pytest.raises(UsageError, match=asked):
        plan(first)
    assert plan(first, trust_remote_code=True).config is not None
    edit(first / "off", "manifest.json", "pretrained=", "trust_remote_code=True,pretrained=")
    with pytest.raises(UsageError, match=asked):
        plan(first / "off")
    with pytest.raises(UsageError, match=asked):
        plan(first, ["off"])
    assert plan(first / "off", trust_remote_code=True).runs["off"].model_args["trust_remote_code"]
    assert plan(first, ["bapa=true"])


def test_refuses_adapters_of_the_harness(first: Path) -> None:
    place = first / "off"
    (place / "manifest.json").unlink()
    (results,) = place.rglob("*_results.json")
    content = json.loads(results.read_text())
    content["config"] |= {"model": "llava_hf", "model_backend": "lmms_eval.models.chat.LlavaHf"}
    results.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="llava_hf, which is no adapter of this package"):
        plan(place)


def test_refuses_before_any_work(first: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean bapa=true"):
        plan(first, ["bapa=tru"])
    with pytest.raises(UsageError, match="no such file or folder"):
        plan(tmp_path / "none")
    with pytest.raises(UsageError, match="is not empty"):
        plan(first / "off", output=first)
    (first / "bapa=true/manifest.json").unlink()
    with pytest.raises(UsageError, match="bapa=true is not finished"):
        plan(first)
    for log in (first / "off").rglob("*_samples_*.jsonl"):
        log.unlink()
    with pytest.raises(UsageError, match="no samples"):
        plan(first, ["off"])


def test_refuses_several_processes(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="without a launcher"):
        plan(first)


def test_manifest_knows_what_the_harness_blots_out(first: Path) -> None:
    edit(first / "off", "*_results.json", "pretrained=micro-llava", "image_token=[REDACTED]")
    assert record_of(read_run(first / "off")).model_args == {
        "pretrained": "micro-llava",
        "device": "cpu",
    }


# --- comparing ----------------------------------------------------------------------------------


def a_run(folder: Path, samples: list[dict[str, Any]]) -> RunFolder:
    folder.mkdir()
    lines = "".join(json.dumps({"input": "?", "target": "Yes"} | s) + "\n" for s in samples)
    (folder / "20260101_000000_samples_t.jsonl").write_text(lines)
    results = {"configs": {"t": {}}, "results": {}}
    return RunFolder(folder / "20260101_000000_results.json", results)


def test_comparison_by_hand(tmp_path: Path) -> None:
    before = [
        {"doc_id": 0, "filtered_resps": "Yes", "margin": 1.0},
        {"doc_id": 1, "filtered_resps": "No", "margin": None},
        {"doc_id": 2, "filtered_resps": "No", "margin": -2.0},
        {"doc_id": 3, "filtered_resps": "No"},
    ]
    now = [
        {"doc_id": 4, "filtered_resps": "No"},
        {"doc_id": 3, "filtered_resps": "No", "target": "No"},
        {"doc_id": 1, "filtered_resps": "Yes", "margin": 3.0},
        {"doc_id": 0, "filtered_resps": "Yes", "margin": 1.25},
    ]
    found = agreement(a_run(tmp_path / "a", before), a_run(tmp_path / "b", now), "off")
    assert found.changes == [Change("t", 1, "No", "Yes"), Change("t", 2, "No", None)]
    assert (found.questions, found.equal) == (4, 2)
    assert (found.added, found.other_questions, found.margin) == (1, 1, 0.25)
    assert not found.is_same


@pytest.mark.parametrize(
    "other",
    [
        [{"doc_id": 0, "filtered_resps": "No"}],
        [{"doc_id": 0, "filtered_resps": "Yes", "input": "else?"}],
        [{"doc_id": i, "filtered_resps": "Yes"} for i in (0, 1)],
        [{"doc_id": 1, "filtered_resps": "Yes"}],
    ],
)
def test_each_kind_of_difference_counts(tmp_path: Path, other: list[dict[str, Any]]) -> None:
    before = a_run(tmp_path / "a", [{"doc_id": 0, "filtered_resps": "Yes"}])
    found = agreement(before, before, "off")
    assert found.is_same
    assert math.isnan(found.margin)
    assert not agreement(before, a_run(tmp_path / "b", other), "off").is_same
