"""The plugin's entry point: nothing without the variable, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
from vllm import ModelRegistry
from vllm.model_executor.models.config import MODELS_CONFIG_MAP

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.vllm import VARIABLE
from lmms_bapa.vllm.architectures import ARCHITECTURES
from lmms_bapa.vllm.plugin import register
from lmms_bapa.vllm.settings import to_text

from .environment import ROOT

# What an engine's process does first, with what it changes of vLLM printed.
STARTING = """
import sys
from vllm import ModelRegistry
from vllm.model_executor.models.config import MODELS_CONFIG_MAP
from vllm.plugins import load_general_plugins
tables = lambda: (dict(ModelRegistry.models), dict(MODELS_CONFIG_MAP))
before = tables()
load_general_plugins()
after = tables()
changed = [n for old, new in zip(before, after) for n in new if old.get(n) is not new[n]]
print(sorted(set(changed)), sorted(n for n in sys.modules if n.startswith("lmms_bapa")))
"""


def tables() -> tuple[dict[str, Any], dict[str, Any]]:
    """What vLLM knows of architectures: the objects themselves, not equal ones."""
    return dict(ModelRegistry.models), dict(MODELS_CONFIG_MAP)


def is_same(one: tuple[dict[str, Any], ...], other: tuple[dict[str, Any], ...]) -> bool:
    """Whether two states have the same objects in the same order."""
    pairs = zip(one, other, strict=True)
    return all(list(a) == list(b) and all(a[n] is b[n] for n in a) for a, b in pairs)


def test_the_entry_point_is_installed() -> None:
    found = entry_points(group="vllm.general_plugins", name="lmms_bapa")
    assert [point.load() for point in found] == [register]


def test_without_the_variable_a_process_of_vllm_stays_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTING], cwd=ROOT, capture_output=True, text=True, check=True
    )
    changed, modules = done.stdout.splitlines()[-1].split("] ")
    assert changed == "["
    assert "lmms_bapa.vllm.plugin" in modules
    assert "models" not in modules
    assert "interventions" not in modules


def test_twice_is_the_same_as_once_and_all_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = tables()
    monkeypatch.setenv(VARIABLE, to_text([BaPA(), AGCI(0.3)]))
    register()
    once = tables()
    register()
    assert is_same(tables(), once)
    changed = {name for name in stock[0] if once[0][name] is not stock[0][name]}
    ours = {name for name, row in ARCHITECTURES.items() if row.status != "refused"}
    assert changed == ours & set(stock[0])
    assert list(once[0]) == list(stock[0])
    monkeypatch.delenv(VARIABLE)
    register()
    assert is_same(tables(), stock)


@pytest.mark.parametrize("text", ["", "{}", '{"agci": {"lambda_": 0}}'])
def test_what_changes_nothing_registers_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = tables()
    monkeypatch.setenv(VARIABLE, text)
    register()
    assert is_same(tables(), stock)


@pytest.mark.parametrize("text", ["{", "[]", '{"bapa": {"strength": 2}}', '{"bopa": {}}'])
def test_a_variable_that_cannot_be_read_stops_the_engine(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = tables()
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UsageError, match=VARIABLE) as caught:
        register()
    assert "\n" not in str(caught.value)
    assert is_same(tables(), stock)
