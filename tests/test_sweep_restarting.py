"""A sweep over a back end that starts an engine for each setting: resumed, reported, reproduced."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.provenance.manifest import read_manifest
from lmms_bapa.reproduction import runner as reproduction
from lmms_bapa.results.folders import read_runs
from lmms_bapa.sweep.config import SweepConfig, read_config
from lmms_bapa.sweep.plan import make_plan
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep

from .restarting_adapter import NAME, Restarting, install
from .sweeping import Counter

TASK, LIMIT, BATCH = "spatial_probe_lite", 36, 8
GIVEN: dict[str, Any] = {
    "model": NAME,
    "model_args": "model=micro-llava,dtype=float32",
    "tasks": TASK,
    "grid": {"agci_lambda": [0, 0.5], "bapa": [False, True]},
    "limit": LIMIT,
    "batch_size": BATCH,
}
ENGINES = [(), (BaPA(),), (AGCI(0.5),), (AGCI(0.5), BaPA())]


@pytest.fixture(autouse=True)
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Restarting]]:
    logger.remove()
    yield install(monkeypatch)
    logger.add(sys.stderr)


def config(**changes: Any) -> SweepConfig:
    return read_config(None, GIVEN | changes)


def run(output: Path, **changes: Any) -> Counter:
    counter = Counter()
    sweep(config(**changes), output, counter)
    assert Restarting.alive == 0
    return counter


def said(folder: Path) -> dict[str, list[str]]:
    return {
        run.label: [sample["filtered_resps"][0] for sample in run.samples(TASK)]
        for run in read_runs(folder)
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing interrupted; each setting has an engine, and none outlives the sweep."""
    output = tmp_path_factory.mktemp("sweep") / "whole"
    with pytest.MonkeyPatch.context() as patches:
        install(patches)
        counter = run(output)
        assert Restarting.engines == ENGINES
    assert (counter.now, counter.known) == (4 * LIMIT, 0)
    return output


def test_the_answers_are_of_the_settings(whole: Path) -> None:
    found = said(whole)
    assert found["bapa=true"] == found["agci_lambda=0.5,bapa=true"]
    assert found["off"] == found["agci_lambda=0.5"] != found["bapa=true"]
    assert {run.model for run in read_runs(whole)} == {"micro-llava"}


def test_the_manifest_names_the_back_end(whole: Path, tmp_path: Path) -> None:
    told = read_manifest(whole)
    assert told is not None
    assert (told.adapter, told.model.backend) == (NAME, "vllm")
    assert told.model_args == "model=micro-llava,dtype=float32"
    assert told.model.engine == {"kv_cache_dtype": "auto"}
    assert told.model.weights_sha256 is not None
    assert "vllm" in told.versions
    assert not told.mixed
    before = json.loads((whole / "manifest.json").read_text(encoding="utf-8"))
    del before["model"]["backend"], before["model"]["engine"]  # as older versions wrote it
    (tmp_path / "manifest.json").write_text(json.dumps(before), encoding="utf-8")
    old = read_manifest(tmp_path)
    assert old is not None
    assert old.model.backend == "transformers"


@pytest.mark.parametrize("answers", [3 * BATCH, LIMIT + 2 * BATCH])
def test_it_goes_on_where_an_engine_died(answers: int, whole: Path, tmp_path: Path) -> None:
    Restarting.dies_after = answers
    with pytest.raises(RuntimeError, match="the engine died"):
        sweep(config(), tmp_path / "x", SweepProgress())
    assert Restarting.alive == 0, "an exception left an engine behind"
    first = list(Restarting.engines)
    Restarting.dies_after = None
    counter = run(tmp_path / "x")
    known = answers % LIMIT if answers > LIMIT else answers
    done = LIMIT if answers > LIMIT else 0
    assert (counter.now, counter.known) == (4 * LIMIT - done - known, known)
    assert Restarting.engines == [*first, *ENGINES[len(first) - 1 :]]
    assert said(tmp_path / "x") == said(whole)


def test_a_setting_whose_answers_are_all_there_starts_no_engine(
    whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "x")
    for folder in ("bapa=true", "agci_lambda=0.5"):
        (tmp_path / "x" / folder / "manifest.json").unlink()
    counter = run(tmp_path / "x")
    assert Restarting.engines == []
    assert (counter.now, counter.known) == (0, 2 * LIMIT)


def test_the_other_back_end_does_not_go_on_with_it(whole: Path) -> None:
    other = read_config(
        None, GIVEN | {"model": "hf_bapa", "model_args": "pretrained=micro-llava,device=cpu"}
    )
    with pytest.raises(UsageError, match=f"holds a sweep with another model \\({NAME} there"):
        sweep(other, whole, SweepProgress())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"grid": {"dtype": ["float32"]}}, "--grid dtype: a sweep loads the model in one way"),
        ({"grid": {"bapa": [True], "bapa_strength": [1, 0.5]}}, "positions between whole numbers"),
        ({"model_args": "model=refused"}, "not in the table"),
    ],
)
def test_what_cannot_be_is_refused_before_an_engine_starts(
    changes: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=line):
        sweep(config(**changes), tmp_path / "x", SweepProgress())
    assert Restarting.engines == []
    assert not (tmp_path / "x").exists()


def test_a_launcher_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="without a launcher"):
        sweep(config(), tmp_path / "x", SweepProgress())


def test_it_is_reported_compared_and_exported_as_any_other(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "x")
    page = CliRunner().invoke(app, ["report", str(tmp_path / "x")])
    assert page.exit_code == 0, page.output
    text = (tmp_path / "x" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Back end" in text
    assert "kv_cache_dtype auto" in text
    table = CliRunner().invoke(app, ["compare", str(tmp_path / "x")])
    assert table.exit_code == 0, table.output
    assert "back ends differ" not in table.output
    whose = ["organization=CI", "relationship=other"]
    for to, options in (
        ("csv", []),
        ("model-card", ["base_model=a/b"]),
        ("every-eval-ever", whose),
    ):
        command = ["export", str(tmp_path / "x"), "--to", to, "--output", str(tmp_path / to)]
        done = CliRunner().invoke(app, [*command, *options])
        assert done.exit_code == 0, done.output

    def text_of(to: str, name: str) -> str:
        return "".join(p.read_text(encoding="utf-8") for p in (tmp_path / to).rglob(name))

    assert "micro-llava" in text_of("csv", "*.csv")
    card = text_of("model-card", "*.md")
    assert "lmms-eval --model vllm_bapa --model_args model=a/b,dtype=float32" in card
    record = json.loads(next((tmp_path / "every-eval-ever").rglob("*.json")).read_text())
    assert record["model_info"]["inference_engine"]["name"] == "vllm"


def test_it_is_reproduced(whole: Path, tmp_path: Path) -> None:
    task = reproduction.plan(whole, ["bapa=true"], tmp_path / "again")
    assert task.apart == []
    (agreed,), apart = reproduction.reproduce(task, SweepProgress())
    assert (agreed.is_same, apart) == (True, [])
    assert Restarting.engines == [(BaPA(),)]
    assert Restarting.alive == 0


def test_the_plan_has_the_settings_of_any_other() -> None:
    labels = [setting.label for setting in make_plan(config()).settings]
    assert labels == ["off", "bapa=true", "agci_lambda=0.5", "agci_lambda=0.5,bapa=true"]


def test_a_calibration_leaves_an_adapter_of_the_same_back_end(tmp_path: Path) -> None:
    command = ["calibrate", "--model", NAME, "--model_args", "model=micro-llava", "--groups", "2"]
    command += ["--grid", "bapa=false,true", "--objective", "accuracy", "--batch_size", "8"]
    done = CliRunner().invoke(app, [*command, "--output", str(tmp_path / "mine.yaml")])
    assert done.exit_code == 0, done.output
    written = load_preset(tmp_path / "mine.yaml")
    assert written.backend == "vllm"
    assert written.model_args["model"] == "micro-llava"
    assert "vllm" in written.evidence["versions"]
    assert Restarting.alive == 0
