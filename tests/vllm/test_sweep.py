"""A sweep over vLLM: the answers of transformers, resumed, reported, reproduced and exported."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.errors import UsageError
from lmms_bapa.provenance.manifest import read_manifest
from lmms_bapa.reproduction import runner as reproduction
from lmms_bapa.results.folders import read_runs
from lmms_bapa.sweep.config import SweepConfig, read_config
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep
from tests.sweeping import Counter, killed_sweep

from .environment import VARIABLES

TASK, LIMIT, BATCH = "spatial_probe_lite", 36, 12
LABELS = ["off", "bapa=true", "agci_lambda=0.3", "agci_lambda=0.3,bapa=true"]
GIVEN: dict[str, Any] = {
    "model": "vllm_bapa",
    "model_args": "model=micro-llava,enforce_eager=true,max_model_len=512,max_num_seqs=4",
    "tasks": TASK,
    "grid": {"agci_lambda": [0, 0.3], "bapa": [False, True]},
    "limit": LIMIT,
    "batch_size": BATCH,
}
TWO = GIVEN | {"grid": {"bapa": [False, True]}}


def run(config: SweepConfig, output: Path) -> Counter:
    counter = Counter()
    sweep(config, output, counter)
    return counter


def answers(folder: Path) -> dict[str, list[tuple[str, float]]]:
    return {
        run.label: [(s["filtered_resps"][0], s["margin"]) for s in run.samples(TASK)]
        for run in read_runs(folder)
    }


def said(folder: Path) -> dict[str, list[str]]:
    return {label: [text for text, _ in found] for label, found in answers(folder).items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over vLLM that nothing interrupted."""
    output = tmp_path_factory.mktemp("sweep") / "vllm"
    assert run(read_config(None, GIVEN), output).now == 4 * LIMIT
    return output


def test_its_answers_are_those_of_transformers(whole: Path, tmp_path: Path) -> None:
    other = GIVEN | {"model": "hf_bapa", "model_args": "pretrained=micro-llava,device=cpu"}
    run(read_config(None, other), tmp_path / "transformers")
    ours, theirs = answers(whole), answers(tmp_path / "transformers")
    assert sorted(ours) == sorted(theirs) == sorted(LABELS)
    for label in LABELS:
        assert [text for text, _ in ours[label]] == [text for text, _ in theirs[label]], label
        margins = [margin for _, margin in theirs[label]]
        assert [margin for _, margin in ours[label]] == pytest.approx(margins, abs=1e-4), label
    # That would hold of a sweep that never steers, too.
    apart = [[margin for _, margin in ours[label]] for label in LABELS]
    assert all(
        max(abs(a - b) for a, b in zip(one, two, strict=True)) > 0.01
        for i, one in enumerate(apart)
        for two in apart[:i]
    )
    done = CliRunner().invoke(
        app, ["compare", str(whole / "off"), str(tmp_path / "transformers" / "off")]
    )
    assert "The back ends differ, vllm and transformers" in " ".join(done.output.split())


def test_its_manifest_says_what_ran_it(whole: Path) -> None:
    told = read_manifest(whole)
    assert told is not None
    assert list(told.outcomes) == LABELS
    assert told.mixed == []
    assert (told.model.backend, told.model.dtype) == ("vllm", "float32")
    assert told.model.device in ("cpu", "cuda")
    assert told.versions["vllm"]
    assert told.model.weights_sha256
    assert told.model.engine is not None
    assert told.model.engine["max_model_len"] == "512"


def test_a_killed_sweep_goes_on(whole: Path, tmp_path: Path) -> None:
    output, batches = tmp_path / "killed", LIMIT // BATCH + 1
    killed_sweep(TWO, output, batches, VARIABLES)
    assert [p.parent.name for p in output.glob("*/manifest.json")] == ["off"]
    counter = run(read_config(None, TWO), output)
    assert (counter.now, counter.known) == (LIMIT - BATCH, BATCH)
    assert said(output) == {k: v for k, v in said(whole).items() if k in ("off", "bapa=true")}


def test_the_other_back_end_does_not_go_on_with_it(whole: Path) -> None:
    other = GIVEN | {"model": "hf_bapa", "model_args": "pretrained=micro-llava,device=cpu"}
    with pytest.raises(UsageError, match="holds a sweep with another model"):
        run(read_config(None, other), whole)


def test_what_vllm_cannot_do_is_refused_before_an_engine_starts(tmp_path: Path) -> None:
    given = GIVEN | {"grid": {"bapa": [True], "bapa_strength": [1, 0.5]}}
    with pytest.raises(UsageError, match="positions between whole numbers"):
        run(read_config(None, given), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_it_is_reported_and_exported(whole: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(whole), "--output", str(tmp_path / "page")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "Back end" in text
    done = CliRunner().invoke(
        app, ["export", str(whole), "--to", "csv", "--output", str(tmp_path / "csv")]
    )
    assert done.exit_code == 0, done.output
    with (tmp_path / "csv" / "figures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["setting"] for row in rows} == set(LABELS)
    assert {row["model"] for row in rows} == {"micro-llava"}


def test_it_is_reproduced(whole: Path, tmp_path: Path) -> None:
    task = reproduction.plan(whole, ["bapa=true"], tmp_path / "again")
    assert task.apart == []
    (agreed,), apart = reproduction.reproduce(task, SweepProgress())
    assert (agreed.is_same, apart) == (True, [])


READERS = (
    "sweep.runner",
    "reproduction.runner",
    "calibration.runner",
    "report.facts",
    "doctor.engine",
)


def test_only_an_engine_needs_vllm() -> None:
    """It takes seconds to import, and nobody who sweeps over transformers should wait for it."""
    imports = "; ".join(f"import lmms_bapa.{name}" for name in READERS)
    found = subprocess.run(
        [sys.executable, "-c", f"{imports}; import sys; print('vllm' in sys.modules)"],
        capture_output=True,
        text=True,
        env=os.environ | VARIABLES,
    )
    assert found.stdout.splitlines()[-1:] == ["False"], found.stderr
