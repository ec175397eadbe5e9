"""The doctor on vLLM: there or not, of which version, and what engines would find."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from lmms_bapa.doctor import engine
from lmms_bapa.doctor.finding import Finding
from lmms_bapa.vllm import TESTED, VARIABLE

OURS = EntryPoint("lmms_bapa", "lmms_bapa.vllm.plugin:register", engine.GROUP)
OTHER = EntryPoint("another", "another:register", engine.GROUP)


def found() -> dict[str, Finding]:
    return {finding.name: finding for finding in engine.vllm()}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """vLLM as it should be."""
    for name in (VARIABLE, engine.ALLOWED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "is_installed", lambda: True)
    monkeypatch.setattr(engine, "installed_version", lambda: TESTED)
    monkeypatch.setattr(engine, "entry_points", lambda group: EntryPoints([OTHER, OURS]))
    return monkeypatch


def test_as_it_should_be(there: pytest.MonkeyPatch) -> None:
    assert {name: f.status for name, f in found().items()} == {"vllm": "ok", "vllm plugin": "ok"}


def test_without_it_nothing_is_wrong(there: pytest.MonkeyPatch) -> None:
    there.setattr(engine, "is_installed", lambda: False)
    (only,) = found().values()
    assert only.status == "note"
    assert "lmms-bapa[vllm]" in only.remedy


@pytest.mark.parametrize(
    ("version", "status"),
    [(f"{TESTED}+cpu", "ok"), ("0.31.0", "warning"), (None, "warning")],
)
def test_the_version(version: str | None, status: str, there: pytest.MonkeyPatch) -> None:
    there.setattr(engine, "installed_version", lambda: version)
    assert found()["vllm"].status == status
    assert (version or "no record") in found()["vllm"].said


def test_a_plugin_that_pip_does_not_know(there: pytest.MonkeyPatch) -> None:
    there.setattr(engine, "entry_points", lambda group: EntryPoints([OTHER]))
    assert found()["vllm plugin"].status == "warning"
    assert engine.GROUP in found()["vllm plugin"].said


@pytest.mark.parametrize(
    ("allowed", "status"),
    [("another", "warning"), ("", "warning"), ("another,lmms_bapa", "ok")],
)
def test_a_filter_of_plugins(allowed: str, status: str, there: pytest.MonkeyPatch) -> None:
    there.setenv(engine.ALLOWED, allowed)
    assert found()["vllm plugin"].status == status


@pytest.mark.parametrize("installed", [True, False])
def test_a_shell_whose_engines_are_steered(installed: bool, there: pytest.MonkeyPatch) -> None:
    there.setattr(engine, "is_installed", lambda: installed)
    there.setenv(VARIABLE, '{"agci": {"lambda_": 0.3}}')
    told = found()[VARIABLE]
    assert told.status == "warning"
    assert "AGCI" in told.said
    assert "0.3" in told.said
    there.setenv(VARIABLE, "bapa=true")
    assert "no engine of vLLM starts" in found()[VARIABLE].said
    there.setenv(VARIABLE, '{"agci": {"lambda_": 0}}')  # changes nothing
    assert VARIABLE not in found()
