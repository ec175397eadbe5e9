"""Tasks of a sweep: shifted ones, those that write files of their own, those that cannot be run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from lmms_bapa.errors import UsageError
from lmms_bapa.sweep.config import read_config
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep
from lmms_bapa.sweep.tasks import load_tasks, questions

from .harness_runs import command_line
from .shift_runs import manager, write_base, write_shift
from .shift_runs import questions as documents

SUBMIT = """

import json

from lmms_eval.tasks._task_utils.file_utils import generate_submission_file


def submit(results, args):
    with open(generate_submission_file("answers.json", args), "w") as file:
        json.dump({"all": results, "model_args": args.model_args}, file)
    return 0.0
"""


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logger.remove()
    yield
    logger.add(sys.stderr)


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task that writes a submission, and with the same task shifted."""
    folder = tmp_path / "tasks"
    write_base(folder, documents(4, width=60, height=40))
    with (folder / "functions.py").open("a") as file:
        file.write(SUBMIT)
    base = (folder / "base.yaml").read_text()
    entry = "  - {metric: accuracy, aggregation: !function functions.submit}\n"
    (folder / "sent.yaml").write_text(base.replace("task: base", "task: sent") + entry)
    write_shift(folder, layout="grid", rows=2)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def samples(folder: Path, task: str) -> list[dict[str, Any]]:
    (log,) = folder.rglob(f"*_samples_{task}.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_shifted_tasks_are_as_from_separate_commands_and_submissions_stay_apart(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "model_args": "pretrained=micro-llava,device=cpu",
        "tasks": "sent,shifted",
        "grid": {"agci_lambda": [2]},
        "batch_size": 3,
        "gen_kwargs": "max_new_tokens=5",
        "include_path": str(tasks),
    }
    output = tmp_path / "x"
    sweep(read_config(None, given), output, SweepProgress())
    sent = [
        json.loads((output / label / "submissions" / "answers.json").read_text())["model_args"]
        for label in ("off", "agci_lambda=2")
    ]
    shared = "pretrained=micro-llava,device=cpu"
    assert sent == [shared, f"{shared},agci_lambda=2"]

    arguments = ["--model", "hf_bapa", "--model_args", sent[1], "--tasks", "sent,shifted"]
    arguments += ["--batch_size", "3", "--gen_kwargs", "max_new_tokens=5", "--log_samples"]
    arguments += ["--include_path", str(tasks), "--output_path", str(tmp_path / "separate")]
    command_line(monkeypatch, *arguments)
    for task in ("sent", "shifted"):
        expected = samples(tmp_path / "separate", task)
        assert len(expected) == {"sent": 4, "shifted": 20}[task]
        assert samples(output / "agci_lambda=2", task) == expected


def test_a_task_is_counted_as_it_will_be_asked(tasks: Path) -> None:
    (sent, shifted) = load_tasks(["sent", "shifted"], manager(tasks))
    assert [questions(t, None) for t in (sent, shifted)] == [4, 20]
    assert [questions(t, 3) for t in (sent, shifted)] == [3, 3]
    assert [questions(t, 0.3) for t in (sent, shifted)] == [2, 6]  # rounded up
    assert questions(sent, 100) == 4


def test_a_task_that_is_in_a_group_too_is_counted_once(tasks: Path) -> None:
    (tasks / "both.yaml").write_text("group: both\ntask: [base, sent]\n")
    found = load_tasks(["both", "sent"], manager(tasks))
    assert [task.config.task for task in found] == ["base", "sent"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("output_type: multiple_choice", "is scored by multiple_choice, and the adapters only"),
        ("dataset_kwargs: {data_files: {test: gone.parquet}}", "task base: cannot be loaded ("),
    ],
)
def test_a_task_that_cannot_be_run_is_said_before_the_model_is_loaded(
    tasks: Path, change: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    file, key = tasks / "base.yaml", change.split(":")[0]
    kept = [text for text in file.read_text().splitlines() if not text.startswith(key)]
    file.write_text("\n".join([*kept, change]))
    with pytest.raises(UsageError) as caught:
        load_tasks(["base"], manager(tasks))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
