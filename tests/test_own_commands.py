"""The command ``lmms-bapa``: demo, pictures, version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from lmms_bapa import __version__
from lmms_bapa.cli import app


def test_the_demo_compares_and_draws(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "d"), "--limit", "18"])
    assert result.exit_code == 0, result.output
    for word in ("micro-llava-start", "BaPA centred", "AGCI 0.3", "heat_maps.png"):
        assert word in result.output
    with Image.open(tmp_path / "d" / "heat_maps.png") as picture:
        assert min(picture.size) > 300
    runs = sorted(p.relative_to(tmp_path / "d") for p in (tmp_path / "d").rglob("*_results.json"))
    assert len(runs) == 12
    found = [json.loads((tmp_path / "d" / r).read_text()) for r in runs]
    cells = {
        f["config"]["model_args"]: f["results"]["spatial_probe_lite"]["cell_accuracy,none"]
        for f in found
    }
    assert len(cells) == 12
    assert "pretrained=micro-llava-start,bapa=true,bapa_anchor=center" in cells
    for model in ("micro-llava", "micro-llava-start"):
        assert (tmp_path / "d" / model / "report" / "index.html").is_file()
    for model in ("pretrained=micro-llava", "pretrained=micro-llava-start"):
        assert (
            cells[f"{model},bapa=true,bapa_anchor=paper"] != cells[model]
        )  # the setting was really switched


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--task", "spatial_prob"], "unknown probe 'spatial_prob': did you mean spatial_probe?"),
        (
            ["--model", "micro-llama"],
            "pretrained=micro-llama: unknown model: did you mean micro-llava?",
        ),
        (["--task", "pope"], "unknown probe 'pope': "),
        (["--output", "/proc/nowhere"], "--output /proc/nowhere/micro-llava: cannot be written to"),
    ],
)
def test_a_wrong_demo_is_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    given = arguments if "--output" in arguments else [*arguments, "--output", str(tmp_path)]
    result = CliRunner().invoke(app, ["demo", *given])
    assert result.exit_code == 2
    assert f"lmms-bapa: error: {line}" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_contact_sheet_is_written_where_asked(tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    assert CliRunner().invoke(app, ["pictures", "--output", str(target)]).exit_code == 0
    with Image.open(target) as sheet:
        assert sheet.size[0] > 900
    result = CliRunner().invoke(app, ["pictures", "--output", str(tmp_path / "no" / "folder.png")])
    assert result.exit_code == 2


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.strip() == __version__
