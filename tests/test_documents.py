"""What the documents promise."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest
import torch
import yaml

from lmms_bapa import __version__
from lmms_bapa.harness.options import build_interventions, known_options
from lmms_bapa.harness.shift_metrics import figures
from lmms_bapa.interventions import REGISTRY, Tokens
from lmms_bapa.resources import folder
from lmms_bapa.runs.shift_files import read_settings
from lmms_bapa.shift.layouts import LAYOUTS
from lmms_bapa.shift.placement import frame
from lmms_bapa.shift.spec import ShiftSpec, read_spec

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_intervention_works_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmms_bapa.interventions.registry.REGISTRY", REGISTRY)
    before = dict(REGISTRY)
    code = blocks(ROOT / "CONTRIBUTING.md", "python")[0]
    module = types.ModuleType("dim")
    monkeypatch.setitem(sys.modules, "dim", module)
    try:
        exec(compile(code, "dim.py", "exec"), module.__dict__)
        assert "dim_factor" in known_options()
        (dim,) = build_interventions({"dim_factor": 0.5})
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)
    segment = torch.tensor([[0, 1, 1, 0]])
    out = dim.embeddings(torch.ones(1, 4, 2), Tokens(segment, segment > 0, segment, segment))
    assert out[0, :, 0].tolist() == [1.0, 0.5, 0.5, 1.0]


def test_the_example_layout_works_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks(ROOT / "CONTRIBUTING.md", "python")[1]
    module = types.ModuleType("corners")
    monkeypatch.setitem(sys.modules, "corners", module)
    try:
        exec(compile(code, "corners.py", "exec"), module.__dict__)
        layout = read_spec({"layout": "corners"}).layout
    finally:
        LAYOUTS.pop("corners", None)
    boxes = [frame((10, 10), placement, layout.ratio) for placement in layout.placements]
    assert [(box.left, box.top) for box in boxes] == [(0, 0), (10, 0), (0, 10), (10, 10)]


SHIFT = ROOT / "docs" / "position_shift.md"


def test_the_options_of_a_shifted_task_are_all_there() -> None:
    text = SHIFT.read_text(encoding="utf-8")
    for field in ShiftSpec.model_fields:
        assert f"| `{field}` |" in text, field
    for name, layout in LAYOUTS.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*", text, re.MULTILINE)
        for option, field in layout.model_fields.items():
            default = re.sub(r"\.0\b", "", str(field.default)).replace("(", "[").replace(")", "]")
            assert name == "none" or f"`{option}` {default}" in row, (name, option)


def test_the_example_of_a_shifted_task_is_what_the_command_writes() -> None:
    text = SHIFT.read_text(encoding="utf-8")
    (command,) = re.findall(r"^lmms-bapa shift gqa (.*)$", text, re.MULTILINE)
    (example,) = blocks(SHIFT, "yaml")
    assert yaml.safe_load(example.replace("!function", ""))["shift"] == read_settings(
        command.split()
    )
    assert len(example.splitlines()) == 4


def test_ready_made_tasks_are_all_there() -> None:
    text = SHIFT.read_text(encoding="utf-8")
    group = yaml.safe_load((folder("tasks") / "position_shift/position_shift.yaml").read_text())
    for task in group["task"]:
        assert f"`{task}`" in text, task


def test_metrics_of_a_shifted_task_are_all_there() -> None:
    text = SHIFT.read_text(encoding="utf-8")
    found = figures({"m": len}, {"m": True}, read_spec({}), lambda place: None)
    for name in found:
        assert f"`{name.replace('m_', '<metric>_')}`" in text, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_make_targets_and_model_args_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^(?:\$ )?make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for args in re.findall(r"--model_args (\S+)", text):
        for key in re.findall(r"(?:^|,)(\w+)=", args):
            assert key in {*known_options(), "dim_factor"}, key


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"[{__version__}]" in changelog or "[Unreleased]" in changelog
