"""What the documents promise."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest
import torch

from lmms_bapa import __version__
from lmms_bapa.harness.options import build_interventions, known_options
from lmms_bapa.interventions import REGISTRY, Tokens

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_intervention_works_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmms_bapa.interventions.registry.REGISTRY", REGISTRY)
    before = dict(REGISTRY)
    (code,) = blocks(ROOT / "CONTRIBUTING.md", "python")
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
