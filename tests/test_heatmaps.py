"""Heat maps from sample logs: the figures are the harness's own, and the picture shows them."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.metrics import probe
from lmms_bapa.plots.panels import Cells, Keys, Shifts
from lmms_bapa.runs.heatmaps import figure_rows, panels, read_run, read_runs

from .harness_runs import command_line

TASKS = ("spatial_probe_free", "spatial_probe_lite", "spatial_probe_pixel")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run of the harness's command leaves, for each layout."""
    output = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        command_line(
            patch,
            *("--model", "llava_bapa", "--model_args", "pretrained=micro-llava,bapa=true"),
            *("--tasks", ",".join(TASKS), "--limit", "160", "--batch_size", "32"),
            *("--log_samples", "--output_path", str(output)),
        )
    return output


def log_of(folder: Path, task: str) -> Path:
    (log,) = folder.rglob(f"*_samples_{task}.jsonl")
    return log


def results_of(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("*_results.json")
    found: dict[str, Any] = json.loads(path.read_text())["results"]
    return found


@pytest.mark.parametrize("task", TASKS)
def test_figures_from_the_log_are_the_harnesss(finished: Path, task: str) -> None:
    run = read_run(log_of(finished, task))
    assert run is not None
    assert (run.task, run.setting) == (task, "micro-llava, bapa=true")
    published = results_of(finished)[task]
    names = ["accuracy", "cell_accuracy", "cell_std", "consistency", "balanced_accuracy"]
    if task == "spatial_probe_pixel":
        names += ["shift_accuracy", "shift_std"]
    for name in names:
        assert getattr(probe, name)(run.records) == published[f"{name},none"]
    cells = panels(run)[0]
    assert isinstance(cells, Cells)
    assert cells.grid == published["cell_accuracy,none"]


def test_each_layout_has_its_panels(finished: Path) -> None:
    runs, others = read_runs([finished])
    assert [run.task for run in runs] == list(TASKS)
    assert others == []
    free, lite, pixel = figure_rows(runs)
    assert [type(p) for row in (free, lite, pixel) for p in row] == [
        *(Cells, Keys),
        *(Cells,),
        *(Cells, Shifts),
    ]
    keys, shifts = free[1], pixel[1]
    assert isinstance(keys, Keys)
    assert isinstance(shifts, Shifts)
    published = results_of(finished)
    assert shifts.shifts == [0, 1, 2, 4, 7, 14, 21, 28]
    assert shifts.shares == published["spatial_probe_pixel"]["shift_accuracy,none"]
    assert len(keys.boxes) == 80
    zones = [3 * (top // 280) + left // 280 for left, top, _ in keys.boxes]
    shares = [s for row in published["spatial_probe_free"]["cell_accuracy,none"] for s in row]
    for zone, share in enumerate(shares):
        mine = [right for right, where in zip(keys.right, zones, strict=True) if where == zone]
        assert math.fsum(mine) / len(mine) == share


def test_a_row_holds_one_task_and_does_not_split_a_run(finished: Path) -> None:
    free = read_runs([log_of(finished, "spatial_probe_free")])[0][0]
    lite = read_runs([log_of(finished, "spatial_probe_lite")])[0][0]
    rows = figure_rows([free, lite, free, lite, lite, free, lite, lite])
    assert [[type(p).__name__ for p in row] for row in rows] == [
        ["Cells", "Keys"] * 2,
        ["Cells", "Keys"],
        ["Cells"] * 4,
        ["Cells"],
    ]


def test_the_command_draws_all_that_lies_in_a_folder(finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "maps.png"
    arguments = ["heatmap", str(finished), str(log_of(finished, TASKS[0])), "--output", str(target)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.strip().endswith("maps.png")
    with Image.open(target) as picture:
        assert len(set(picture.convert("RGB").resize((90, 90)).getdata())) > 50
    assert list(tmp_path.iterdir()) == [target]


def test_numbers_and_colours_are_the_shares() -> None:
    from matplotlib.figure import Figure

    axis = Figure().subplots()
    image = Cells("t", [[1.0, 0.25], [math.nan, 0.5]]).draw(axis)
    assert [text.get_text() for text in axis.texts] == ["100", "25", "–", "50"]
    assert image.get_array().tolist() == [[100, 25], [None, 50]]
    assert image.get_clim() == (0, 100)
    keys = Keys("t", [(0, 10, 100), (50, 20, 10)], [1, 0], 200).draw(axis)
    assert keys.get_array().tolist() == [100, 0]
    first, second = (path.get_extents() for path in keys.get_paths())
    assert (first.x0, first.y0, first.width) == (0, 10, 100)
    assert (second.x0, second.y0, second.width) == (50, 20, 10)
    assert axis.get_ylim() == (200, 0)  # as on the canvas, from the top


def test_a_log_alone_is_enough(finished: Path, tmp_path: Path) -> None:
    alone = tmp_path / "renamed.jsonl"
    shutil.copy(log_of(finished, "spatial_probe_lite"), alone)
    run = read_run(alone)
    assert run is not None
    assert (run.task, run.setting) == ("renamed", "")
    assert len(run.samples) == 160


OTHER = '{"doc_id": 0, "exact_match": 1.0}\n'


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("missing", None, "missing: no such file or folder"),
        ("empty.jsonl", "", "empty.jsonl: no samples in it"),
        ("other.jsonl", OTHER, "other.jsonl: samples of another task, not of a spatial probe"),
        ("list.jsonl", "[1]\n", "list.jsonl: samples of another task"),
        ("broken.jsonl", "{\n", "broken.jsonl: line 1 is not JSON"),
        ("bytes.jsonl", b"\xff\xfe\x00", "bytes.jsonl: line 1 is not JSON"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    tmp_path: Path, name: str, content: str | bytes | None, line: str
) -> None:
    path, target = tmp_path / name, tmp_path / "maps.png"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = CliRunner().invoke(app, ["heatmap", str(path), "--output", str(target)])
    assert result.exit_code == 2
    assert f"lmms-bapa: error: {tmp_path}/{line}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not target.exists()


def test_folders_without_logs_or_with_other_tasks(finished: Path, tmp_path: Path) -> None:
    def error() -> str:
        result = CliRunner().invoke(app, ["heatmap", str(tmp_path)])
        assert result.exit_code == 2
        return result.stderr

    assert "no sample logs (*_samples_*.jsonl) in it: run lmms-eval with --log_samples" in error()
    (tmp_path / "2_samples_pope.jsonl").write_text(OTHER)
    assert "samples of another task, not of a spatial probe" in error()
    shutil.copy(log_of(finished, "spatial_probe_lite"), tmp_path)
    target = tmp_path / "maps.png"
    result = CliRunner().invoke(app, ["heatmap", str(tmp_path), "--output", str(target)])
    assert result.exit_code == 0
    assert "Left out, of other tasks: 1 sample logs" in result.output


def test_two_runs_in_one_file_are_not_averaged(finished: Path, tmp_path: Path) -> None:
    text = log_of(finished, "spatial_probe_lite").read_text()
    (tmp_path / "twice.jsonl").write_text(text + text.splitlines()[0] + "\n")
    result = CliRunner().invoke(app, ["heatmap", str(tmp_path / "twice.jsonl")])
    assert result.exit_code == 2
    assert "line 161 answers document 0 again: the file holds more than one run" in result.stderr


@pytest.mark.parametrize("target", ["no/folder.png", "maps.docx", "maps"])
def test_a_picture_that_cannot_be_written(finished: Path, tmp_path: Path, target: str) -> None:
    path = tmp_path / target
    result = CliRunner().invoke(app, ["heatmap", str(finished), "--output", str(path)])
    assert result.exit_code == 2
    assert f"cannot write {path}: " in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
