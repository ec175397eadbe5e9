"""``lmms-bapa shift`` writes YAMLs that the harness runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lmms_eval.tasks
import numpy as np
import pytest
import yaml
from lmms_eval.tasks import TaskManager
from PIL import Image as Pictures
from typer.testing import CliRunner, Result

from lmms_bapa.cli import app
from lmms_bapa.harness import discovery

from .harness_runs import Puppet, evaluate
from .shift_runs import manager, questions, write_base

GROUP = """
group: both
task: [base, second, boxes, inner]
aggregate_metric_list:
  - metric: accuracy
    aggregation: mean
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Path]:
    """A folder of tasks that the command knows, instead of the harness's two thousand."""
    before = dict(discovery._latest)
    write_base(tmp_path, questions(2))
    base = (tmp_path / "base.yaml").read_text()
    (tmp_path / "second.yaml").write_text(base.replace("task: base", "task: second"))
    (tmp_path / "third.yaml").write_text(base.replace("task: base", "task: third\ntag: inner"))
    boxes = base.replace("task: base", "task: boxes").replace(
        "doc_to_target: answer", "doc_to_target: bbox"
    )
    (tmp_path / "boxes.yaml").write_text(boxes)
    (tmp_path / "both.yaml").write_text(GROUP)
    manager(tmp_path)
    yield tmp_path
    discovery._latest.clear()
    discovery._latest.update(before)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["shift", *arguments])


def test_four_lines_that_run(tasks: Path, tmp_path: Path) -> None:
    done = run("base", "layout=free", "count=4", "sizes=[1, 1]", "--output", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    path = tmp_path / "out" / "base_shift.yaml"
    assert path.read_text() == (
        "task: base_shift\n"
        "class: !function lmms_bapa.harness.shift_task.ShiftedTask\n"
        "base: base\n"
        "shift: {layout: free, count: 4, sizes: [1, 1]}\n"
    )
    assert "--tasks base_shift" in done.output
    results = evaluate(Puppet(lambda d: d["answer"]), ["base_shift"], manager=manager(tmp_path))
    assert list(results["results"]["base_shift"]["accuracy_placements,none"]) == [
        "p1", "p2", "p3", "p4",
    ]  # fmt: skip


def test_a_group_with_an_average_of_its_own(tasks: Path, tmp_path: Path) -> None:
    text = GROUP.replace("both", "own").replace("mean", "!function functions.average")
    (tasks / "own.yaml").write_text(text + "  - {metric: other, aggregation: mean}\n")
    manager(tasks)
    done = run("own", "--output", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert "left out: the average of accuracy: own computes it by a function" in done.output
    group = yaml.safe_load((tmp_path / "out" / "own_shift.yaml").read_text())
    averages = [entry["metric"] for entry in group["aggregate_metric_list"]]
    assert averages == ["other_original", "other_mean"]


def test_a_group_that_names_a_task_that_is_not_there(tasks: Path, tmp_path: Path) -> None:
    (tasks / "odd.yaml").write_text("group: odd\ntask: [base, bose]\n")
    manager(tasks)
    done = run("odd", "--output", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "odd names a task that there is not, bose" in done.output
    assert not (tmp_path / "out").exists()


def test_a_group_with_its_average(tasks: Path, tmp_path: Path) -> None:
    done = run("both", "rows=2", "--output", str(tmp_path / "out"), "--suffix", "_moved")
    assert done.exit_code == 0, done.output
    group = yaml.safe_load((tmp_path / "out" / "both_moved.yaml").read_text())
    assert group["task"] == ["base_moved", "second_moved", "third_moved"]
    assert [entry["metric"] for entry in group["aggregate_metric_list"]] == [
        "accuracy_original",
        "accuracy_mean",
    ]
    assert "left out: boxes: boxes cannot be shifted" in done.output
    model = Puppet(lambda doc: doc["answer"])
    results = evaluate(model, ["both_moved"], manager=manager(tmp_path))
    assert results["results"]["both_moved"]["accuracy_mean,none"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bose"], "unknown task 'bose': did you mean base?"),
        (["base", "rows"], "'rows': write settings as name=value, such as rows=5"),
        (["base", "rows=2", "rows=3"], "rows is given twice"),
        (["base", "rows=[2"], "'rows=[2': not a value"),
        (["base", "rows=1"], "shift.rows=1: should be greater than or equal to 2"),
        (["base", "layout=gird"], "shift.layout='gird': did you mean grid?"),
        (["boxes"], "boxes cannot be shifted: its target"),
        (["base", "--suffix", ""], "base exists already: run it, or give another --suffix"),
        (["spatial_probe_lite"], "only YAML tasks shift"),
    ],
)
def test_mistakes(tasks: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run(*arguments, "--output", str(tmp_path / "out"))
    assert done.exit_code == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("lmms-bapa: error: ")
    assert said in lines[0]
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tasks: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "base_shift.yaml"
    path.parent.mkdir()
    path.write_text("mine")
    done = run("base", "--output", str(path.parent))
    assert done.exit_code == 2
    assert f"{path} is there already" in done.stderr
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_made(tasks: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("base", "--output", str(tmp_path / "file" / "out"))
    assert done.exit_code == 2
    assert f"{tmp_path / 'file'} is not a folder" in done.stderr


def test_a_sheet_of_layouts(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    picture = tmp_path / "mine.png"
    Pictures.new("RGB", (60, 40), (1, 200, 3)).save(picture)
    arguments = ["layout=grid", "rows=2", "--picture", str(picture), "--output", str(path)]
    done = CliRunner().invoke(app, ["layouts", *arguments])
    assert done.exit_code == 0, done.output
    pixels = np.asarray(Pictures.open(path).convert("RGB"))
    green = (pixels == (1, 200, 3)).all(axis=-1)
    # Five pictures of 60 x 40 on canvases that are 120 pixels wide here.
    assert green.sum() == pytest.approx(5 * 60 * 40, rel=0.02)


def test_a_sheet_shows_the_fill(tmp_path: Path) -> None:
    shown = []
    for fill in ("white", "mean"):
        path = tmp_path / f"{fill}.png"
        arguments = ["layout=grid", f"fill={fill}", "--output", str(path)]
        assert CliRunner().invoke(app, ["layouts", *arguments]).exit_code == 0
        shown.append((np.asarray(Pictures.open(path).convert("RGB")) == 255).all(axis=-1).sum())
    assert shown[0] > 10 * shown[1]


def test_a_sheet_of_all_layouts(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    done = CliRunner().invoke(app, ["layouts", "--output", str(path)])
    assert done.exit_code == 0, done.output
    assert Pictures.open(path).width > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--picture", "gone.png"], "--picture gone.png cannot be read"),
        (["--output", "gone/sheet.png"], "cannot write gone/sheet.png"),
        (["layout=gird"], "did you mean grid?"),
    ],
)
def test_mistakes_with_a_sheet(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["layouts", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_base_task_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Base and shifted task end up in one folder that the harness can be given."""
    before = dict(discovery._latest)

    class OnlyOurs(TaskManager):
        def __init__(self, include_path: str) -> None:
            super().__init__(include_path=include_path, include_defaults=False)

    monkeypatch.setattr(lmms_eval.tasks, "TaskManager", OnlyOurs)
    write_base(tmp_path, questions(2))
    try:
        done = run("base", "rows=2", "--include_path", str(tmp_path))
    finally:
        discovery._latest.clear()
        discovery._latest.update(before)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "shifted_tasks" / "base_shift.yaml").is_file()
    model = Puppet(lambda doc: doc["answer"])
    results = evaluate(model, ["base_shift"], manager=manager(tmp_path))
    assert results["results"]["base_shift"]["accuracy_mean,none"] == 1


def test_a_folder_of_tasks_that_is_not_there() -> None:
    done = run("base", "--include_path", "gone")
    assert done.exit_code == 2
    assert "--include_path gone: no such folder" in done.stderr
