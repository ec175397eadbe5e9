"""A sweep gives what separate runs give, and goes on where it was killed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from lmms_bapa.harness.spill import Spill
from lmms_bapa.provenance.manifest import read_manifest
from lmms_bapa.provenance.surroundings import sources_digest
from lmms_bapa.results.folders import read_runs
from lmms_bapa.sweep.config import SweepConfig, read_config
from lmms_bapa.sweep.runner import sweep

from .harness_runs import command_line
from .sweeping import Counter, killed_sweep

TASK = "spatial_probe_lite"
LIMIT, BATCH = 36, 8
BATCHES = 5  # a setting's
GIVEN: dict[str, Any] = {
    "model_args": "pretrained=micro-llava,device=cpu",
    "tasks": TASK,
    "grid": {"agci_lambda": [0, 0.5], "bapa": [False, True]},
    "limit": LIMIT,
    "batch_size": BATCH,
}
LABELS = ["off", "bapa=true", "agci_lambda=0.5", "agci_lambda=0.5,bapa=true"]
# In which two runs of the same thing differ.
CHANCE = {"date", "start_time", "end_time", "total_evaluation_time_seconds", "git_branch"}


def config(**changes: Any) -> SweepConfig:
    return read_config(None, GIVEN | changes)


def run(output: Path, **changes: Any) -> Counter:
    counter = Counter()
    sweep(config(**changes), output, counter)
    return counter


def tables(folder: Path) -> dict[str, Any]:
    """Everything that is left and is no matter of chance, by setting."""
    found = {}
    for each in read_runs(folder):
        results = {k: v for k, v in each.results.items() if k not in CHANCE}
        results["config"] = {k: v for k, v in results["config"].items() if "cli_args" not in k}
        results["configs"] = {k: v["metadata"] for k, v in results["configs"].items()}
        found[each.label] = results, {task: each.samples(task) for task in each.tasks}
    return found


def margins_apart(value: Any, found: list[float]) -> Any:
    """The same without margins, and those in order: another process may round them otherwise."""
    if isinstance(value, dict):
        found += [value["margin"]] if "margin" in value else []
        return {k: margins_apart(v, found) for k, v in value.items() if k != "margin"}
    if isinstance(value, list | tuple):
        return [margins_apart(v, found) for v in value]
    return value


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logger.remove()
    yield
    logger.add(sys.stderr)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing interrupted."""
    output = tmp_path_factory.mktemp("sweep") / "whole"
    counter = run(output)
    assert (counter.now, counter.known) == (4 * LIMIT, 0)
    return output


def test_the_code_is_among_the_conditions(whole: Path) -> None:
    conditions = json.loads((whole / "conditions.json").read_text(encoding="utf-8"))
    assert conditions["sources_sha256"] == sources_digest()


@pytest.mark.parametrize("label", LABELS)
def test_each_setting_is_as_from_a_separate_command(
    label: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "" if label == "off" else f",{label}"
    arguments = ["--model", "hf_bapa", "--model_args", GIVEN["model_args"] + options]
    arguments += ["--tasks", TASK, "--limit", str(LIMIT), "--batch_size", str(BATCH)]
    command_line(monkeypatch, *arguments, "--log_samples", "--output_path", str(tmp_path))
    (separate,) = tables(tmp_path).values()
    assert tables(whole)[label] == separate
    assert len(separate[1][TASK]) == LIMIT
    layout = [p.parent.name for p in (tmp_path).rglob("*_results.json")]
    assert layout == [p.parent.name for p in (whole / label).rglob("*_results.json")]


def test_the_settings_differ(whole: Path) -> None:
    said = {
        label: [sample["filtered_resps"] for sample in samples[TASK]]
        for label, (_, samples) in tables(whole).items()
    }
    assert list(said) == ["off", "agci_lambda=0.5", "agci_lambda=0.5,bapa=true", "bapa=true"]
    assert said["off"] != said["bapa=true"]
    margins = [
        [sample["margin"] for sample in samples[TASK]] for _, samples in tables(whole).values()
    ]
    assert all(one != other for i, one in enumerate(margins) for other in margins[:i])


def test_every_folder_says_what_it_is(whole: Path) -> None:
    manifest = read_manifest(whole)
    assert manifest is not None
    assert manifest.kind == "sweep"
    assert list(manifest.outcomes) == LABELS
    assert not manifest.mixed
    assert read_config(whole / "sweep.yaml", {}) == config()
    for label in LABELS:
        one = read_manifest(whole / label)
        assert one is not None
        assert one.outcomes == {label: manifest.outcomes[label]}


def test_a_finished_sweep_is_left_alone(whole: Path) -> None:
    before = {k: v for k, v in files(whole).items() if k != "manifest.json"}
    counter = run(whole)
    assert (counter.now, counter.known) == (0, 0)
    assert {k: v for k, v in files(whole).items() if k != "manifest.json"} == before


def test_a_larger_grid_adds_settings(whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "larger"
    shutil.copytree(whole, output)
    counter = run(output, grid={"agci_lambda": [0, 0.5, 1], "bapa": [False, True]})
    assert counter.now == 2 * LIMIT
    assert len(read_runs(output)) == 6


def test_without_room_for_the_pictures_the_answers_are_the_same(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmms_bapa.harness.spill.default_memory", lambda: 2**20)
    monkeypatch.setattr("lmms_bapa.harness.spill.default_disk", lambda folder: 2**19)
    stores: list[Spill] = []
    stock = Spill.close

    def close(self: Spill) -> None:
        stores.append(self)
        assert self.is_full
        assert len(self) > 1
        stock(self)

    monkeypatch.setattr(Spill, "close", close)
    run(tmp_path / "x")
    assert len(stores) == 1
    assert tables(tmp_path / "x") == tables(whole)


def test_a_killed_sweep_goes_on(whole: Path, tmp_path: Path) -> None:
    output, batches = tmp_path / "killed", BATCHES + 3
    alike = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}  # as in this process
    killed_sweep(GIVEN, output, batches, alike)
    assert [p.parent.name for p in output.glob("*/manifest.json")] == ["off"]
    torn = output / "bapa=true" / "answers.jsonl"
    assert len(torn.read_bytes().splitlines()) == 3
    torn.write_bytes(torn.read_bytes()[:-10])  # killed while it wrote the third batch

    counter = run(output)
    assert (counter.now, counter.known) == (3 * LIMIT - 2 * BATCH, 2 * BATCH)
    margins: list[float] = []
    expected: list[float] = []
    assert margins_apart(tables(output), margins) == margins_apart(tables(whole), expected)
    assert margins == pytest.approx(expected, abs=1e-4)
    assert len(margins) > 4 * LIMIT


def test_killed_while_saving_it_asks_nothing_again(whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "saving"
    shutil.copytree(whole, output)
    setting = output / "agci_lambda=0.5"
    (setting / "manifest.json").unlink()
    (output / "manifest.json").unlink()
    (log,) = setting.rglob("*_samples_*.jsonl")
    log.write_bytes(log.read_bytes()[:5000])
    (setting / "submissions").mkdir()
    counter = run(output)
    assert (counter.now, counter.known) == (0, LIMIT)
    assert tables(output) == tables(whole)
    assert not log.exists() or log.stat().st_size > 5000
    assert not (setting / "submissions").exists()
    assert len(list(setting.rglob("*_results.json"))) == 1
