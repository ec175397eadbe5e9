"""Reading what runs left, by the harness and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.results.folders import active_settings, read_run, read_runs, unfinished

from .harness_runs import command_line
from .result_folders import plain_samples, write_run

SAMPLES = plain_samples([1, 0, 1])


def sweep(folder: Path, *settings: str) -> Path:
    """A sweep's folder with finished settings, ``off`` for the stock one."""
    folder.mkdir()
    (folder / "sweep.yaml").write_text("")
    for setting in settings:
        extra = "" if setting == "off" else f",{setting}"
        write_run(folder / setting, {"t": SAMPLES}, f"pretrained=m{extra}")
        (folder / setting / "manifest.json").write_text("{}")
    return folder


def test_a_run_of_the_harness_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_args = "pretrained=micro-llava,bapa=True,bapa_anchor=center"
    command_line(
        monkeypatch,
        *("--model", "llava_bapa", "--model_args", model_args),
        *("--tasks", "spatial_probe_lite", "--limit", "18", "--batch_size", "18"),
        *("--output_path", str(tmp_path), "--log_samples"),
    )
    run = read_run(tmp_path)
    assert run.label == "bapa=true,bapa_anchor=center"
    assert run.model == "micro-llava"
    assert run.tasks == ["spatial_probe_lite"]
    assert [s["doc_id"] for s in run.samples("spatial_probe_lite")] == list(range(18))
    assert read_run(run.results_file).results == run.results


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({"pretrained": "m"}, {}),
        ({"bapa": "false", "agci_lambda": "0"}, {}),
        ({"bapa": "true", "bapa_strength": "0"}, {}),
        ({"bapa": "true", "agci_lambda": "0.3"}, {"agci_lambda": "0.3", "bapa": "true"}),
        ({"agci_lambda": "0.0", "bapa": "true"}, {"bapa": "true"}),
        ({"bapa": "perhaps"}, {"bapa": "perhaps"}),  # of another version
    ],
)
def test_settings_are_what_changes_the_model(
    given: dict[str, str], settings: dict[str, str]
) -> None:
    assert active_settings(given) == settings


def test_settings_of_a_sweep_come_stock_first_and_by_number(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "x", "agci_lambda=1", "bapa=true", "off", "agci_lambda=0.5")
    (folder / "bapa=false").mkdir()
    (folder / "bapa=false" / "answers.jsonl").write_text("")
    sweep(folder / "again", "off")  # a sweep inside a sweep is another one
    (folder / "again" / "manifest.json").write_text("{}")
    labels = [run.label for run in read_runs(folder)]
    assert labels == ["off", "agci_lambda=0.5", "agci_lambda=1", "bapa=true"]
    assert unfinished(folder) == ["bapa=false"]
    assert read_run(folder / "off").label == "off"


def test_model_args_may_be_a_mapping(tmp_path: Path) -> None:
    file = write_run(tmp_path, {"t": SAMPLES})
    content = json.loads(file.read_text())
    content["config"]["model_args"] = {"pretrained": "m", "bapa": True}
    file.write_text(json.dumps(content))
    assert read_run(tmp_path).settings == {"bapa": "true"}
    assert read_run(tmp_path).model == "m"


def test_an_adapters_own_defaults_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_bapa.results import folders

    yaml = tmp_path / "mine.yaml"
    yaml.write_text("model_args: {pretrained: m, bapa: true}")
    monkeypatch.setattr(folders, "preset_names", lambda: ["mine"])
    monkeypatch.setattr(folders, "preset_path", lambda name: yaml)
    config = {"model": "mine", "model_args": "agci_lambda=0.1"}
    file = write_run(tmp_path, {"t": SAMPLES})
    content = json.loads(file.read_text()) | {"config": config}
    file.write_text(json.dumps(content))
    assert read_run(file).label == "agci_lambda=0.1,bapa=true"


def test_the_first_of_several_filters_counts(tmp_path: Path) -> None:
    samples = [*plain_samples([1, 0]), *plain_samples([0, 0])]
    file = write_run(tmp_path, {"t": samples}, config={"filter_list": [{}, {}]})
    content = json.loads(file.read_text())
    content["n-samples"]["t"]["effective"] = 2
    file.write_text(json.dumps(content))
    assert [s["accuracy"] for s in read_run(tmp_path).samples("t")] == [1, 0]


def message(path: Path, task: str | None = None, several: bool = False) -> str:
    def read() -> None:
        runs = read_runs(path) if several else [read_run(path)]
        if task:
            runs[0].samples(task)

    with pytest.raises(UsageError) as error:
        read()
    said = str(error.value)
    assert "\n" not in said
    return said


def test_what_is_not_a_run_is_said(tmp_path: Path) -> None:
    assert "no such file or folder" in message(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "--log_samples" in message(empty)
    (empty / "submission_results.json").write_text("[1, 2")  # a scorer's own file
    assert "--log_samples" in message(empty)
    assert "cut off" in message(empty / "submission_results.json")
    (empty / "20260101_000000_results.json").write_text('{"results": {')
    assert "cut off" in message(empty)
    (empty / "20260101_000000_results.json").write_text("{}")
    assert "no configs" in message(empty)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "1_samples_t.jsonl").write_text("{}")
    assert "results JSON beside" in message(logs)
    unfinished_sweep = sweep(tmp_path / "sweep")
    assert "no finished setting" in message(unfinished_sweep)


def test_several_runs_where_one_is_wanted(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {"t": SAMPLES})
    write_run(tmp_path / "b", {"t": SAMPLES})
    assert "2 runs, name one of them: a/micro-llava/" in message(tmp_path)
    assert "setting off is there 2 times" in message(tmp_path, several=True)
    write_run(tmp_path / "b", {"t": SAMPLES}, "pretrained=other")
    assert "several models (micro-llava, other)" in message(tmp_path, several=True)


def test_logs_that_are_missing_or_spoilt(tmp_path: Path) -> None:
    file = write_run(tmp_path, {"t": SAMPLES})
    log = read_run(tmp_path).log("t")
    whole = log.read_text()
    assert "has no task u; it has t" in message(file, "u")
    log.write_text(whole[:-9])
    assert "line 3 is not a sample, or cut off" in message(file, "t")
    log.write_text("".join(whole.splitlines(keepends=True)[:2]))
    assert "cut off, 2 of 3 documents" in message(file, "t")
    log.write_text(whole * 2)
    assert "more than one run" in message(file, "t")
    log.write_text("[1]\n")
    assert "line 1 is not a sample" in message(file, "t")
    log.write_text("")
    assert "no samples in it" in message(file, "t")
    log.unlink()
    assert "no samples of t: run lmms-eval again with --log_samples" in message(file, "t")
    assert read_run(file).tasks == []


def test_an_adapter_that_is_out_of_sight_hides_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_run(tmp_path / "run", {"t": SAMPLES}, "")
    content = json.loads(file.read_text())
    content["config"] |= {"model": "mine", "model_backend": "lmms_bapa.harness.presets.mine (chat)"}
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"adapter mine, which is not found: set LMMS_BAPA_MODEL"):
        _ = read_run(file).label
    (tmp_path / "mine.yaml").write_text("model_args: {pretrained: m, bapa: true}\n")
    monkeypatch.setenv("LMMS_BAPA_MODEL_CONFIGS", str(tmp_path))
    assert read_run(file).label == "bapa=true"
    content["config"] |= {"model": "llava_hf", "model_backend": "lmms_eval.models.chat.llava_hf"}
    file.write_text(json.dumps(content))
    assert read_run(file).label == "off"


def test_settings_are_sorted_as_numbers(tmp_path: Path) -> None:
    names = ("agci_lambda=10", "agci_lambda=2", "off", "agci_lambda=0.5")
    found = read_runs(sweep(tmp_path / "x", *names))
    labels = [run.label for run in found]
    assert labels == ["off", "agci_lambda=0.5", "agci_lambda=2", "agci_lambda=10"]


def test_the_latest_run_of_a_setting_counts_and_a_finished_one_is_not_unfinished(
    tmp_path: Path,
) -> None:
    folder = sweep(tmp_path / "x", "off")
    later = write_run(folder / "off", {"t": SAMPLES}, "pretrained=m", date="20270102_030405")
    assert read_run(folder).results_file == later
    (folder / "off" / "answers.jsonl").write_text("")
    assert unfinished(folder) == []
    (folder / "off" / "manifest.json").unlink()
    assert unfinished(folder) == ["off"]
