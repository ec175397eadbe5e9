"""What docs/vllm.md says of versions and refusals is what the code has."""

from __future__ import annotations

import json

import pytest

from lmms_bapa import AGCI, BaPA
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.options import build_interventions
from lmms_bapa.vllm import TESTED, VARIABLE
from lmms_bapa.vllm.engine import _REFUSED, engine_arguments
from lmms_bapa.vllm.settings import check, from_text

from .documented_commands import ROOT, commands

PAGE = ROOT / "docs" / "vllm.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_it_names_the_tested_version() -> None:
    assert f"vLLM {TESTED}" in TEXT


@pytest.mark.parametrize("name", _REFUSED)
def test_every_refused_argument_of_an_engine_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT
    with pytest.raises(UsageError, match=name):
        engine_arguments((AGCI(0.3),), {name: {"any": "value"}})


@pytest.mark.parametrize(
    "options",
    [
        {"agci_depth_layers": 2, "agci_depth_lambda": 0.3},
        {"bapa": True, "bapa_strength": 0.5},
        {"bapa": True, "bapa_anchor": "center"},
        {"agci_lambda": 0.3, "agci_scope": "call"},
    ],
    ids=str,
)
def test_every_setting_that_is_said_to_be_refused_is(options: dict[str, object]) -> None:
    name = list(options)[-1]
    assert f"`{name}" in TEXT
    with pytest.raises(UsageError, match="--model hf_bapa"):
        check(build_interventions(options))


def test_the_variable_of_the_server_is_read() -> None:
    (command,) = [c for c in commands(PAGE) if c.variables]
    ((name, value),) = command.variables
    assert name == VARIABLE
    assert set(from_text(value)) == {BaPA(), AGCI(0.3)}
    assert json.loads(value)["bapa"] == {}
