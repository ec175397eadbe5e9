"""What the documents promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lmms_bapa import __version__
from lmms_bapa.harness.options import known_options
from lmms_bapa.harness.vllm.options import known_options as vllm_options
from lmms_bapa.resources import folder
from lmms_bapa.runs.shift_files import read_settings
from lmms_bapa.shift.layouts import LAYOUTS
from lmms_bapa.shift.spec import ShiftSpec

from .documents import DOCUMENTS, PAGES, ROOT, blocks

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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            place = (document.parent / target).resolve()
            assert place.exists(), f"{document.name}: {target}"
            # The site holds docs/ and nothing else.
            assert document not in PAGES or place.is_relative_to(ROOT / "docs"), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_make_targets_and_model_args_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^(?:\$ )?make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for args in re.findall(r"--model_args (\S+)", text):
        for key in re.findall(r"(?:^|,)(\w+)=", args):
            assert key in {*known_options(), *vllm_options(), "dim_factor"}, key


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"[{__version__}]" in changelog or "[Unreleased]" in changelog
