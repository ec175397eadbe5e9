"""The command doctor: a sound installation passes, and each way to break one is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from lmms_bapa import embedded
from lmms_bapa.cli import app
from lmms_bapa.commands.doctor import WIDTH
from lmms_bapa.doctor import examination, harness_view, installation, machine, optional, registered
from lmms_bapa.doctor.finding import Check, Finding
from lmms_bapa.doctor.screen import as_json, screen
from lmms_bapa.harness.presets import OWN_CONFIGS, preset_names


def run(*checks: Check) -> list[Finding]:
    """What checks find, as the command would have it."""
    return dict(examination.examine({"a group": checks}))["a group"]


def bad(findings: list[Finding]) -> dict[str, str]:
    return {f.name: f.status for f in findings if f.status in ("warning", "problem")}


def shown(found: dict[str, list[Finding]], width: int = WIDTH) -> list[str]:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(screen(found))
    return console.export_text().splitlines()


def test_a_sound_installation_passes_and_the_two_forms_say_the_same() -> None:
    done = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 0, done.stdout
    assert told["works"] is True
    found: dict[str, list[Finding]] = {}
    for check in told["checks"]:
        found.setdefault(check.pop("group"), []).append(Finding(**check))
    assert list(found) == list(examination.CHECKS)
    by_name = {f.name: f.said for findings in found.values() for f in findings}
    assert f"has our {len(preset_names())} adapters" in by_name["models"]
    assert version("torch") in by_name["requirements"]
    assert "agci_lambda=auto" in by_name["agci_auto"]
    assert "bapa_anchor" in by_name["bapa"]
    lines = shown(found)
    assert max(map(len, lines)) <= WIDTH
    words = " ".join(lines).split()
    for finding in (f for findings in found.values() for f in findings):
        assert finding.name.split()[0] in words
    assert lines[-1].startswith("All that is needed works.")
    assert all(f.remedy for findings in found.values() for f in findings if f.status == "warning")


def test_requirements_are_read_from_the_metadata() -> None:
    declared = [
        "numpy>=1.26",
        "torch>=999",
        "no-such-package>=1",
        "plots-only>=3; extra == 'plots'",
        "elsewhere>=1; sys_platform == 'amiga'",
        "lmms-bapa[plots]; extra == 'all'",
    ]
    found = {f.name: f for f in installation.unfulfilled(declared)}
    assert list(found) == ["torch", "no-such-package"]
    assert found["torch"].said == f"{version('torch')}, needed >=999"
    assert found["torch"].remedy == "pip install 'torch>=999'"
    assert found["no-such-package"].said == "not installed, needed >=1"
    assert {f.status for f in found.values()} == {"problem"}


def test_a_check_that_raises_is_a_problem_of_its_own() -> None:
    def falls_over() -> Iterator[Finding]:
        yield Finding("first", "ok", "said before")
        raise KeyError("lost")

    first, second, *again = run(falls_over, falls_over)
    assert again[1].status == "problem"
    assert "for a reason given above" in again[1].said
    assert first.said == "said before"
    assert (second.name, second.status) == ("falls over", "problem")
    assert "KeyError" in second.said
    assert shown({"g": [first, second]})[-1] == (
        "Something that is needed does not work. (1 problem)"
    )
    assert json.loads(as_json({"g": [second]}))["works"] is False


def test_one_cause_has_one_remedy() -> None:
    """A broken plugin of the harness also breaks what imports the harness."""

    def tells() -> Iterator[Finding]:
        yield Finding("models", "problem", "it raises ModuleNotFoundError: No module named 'x'")

    def raises() -> Iterator[Finding]:
        raise ModuleNotFoundError("No module named 'x'", name="x")

    assert [f.remedy for f in run(tells, raises)] == ["", ""]


def test_a_package_that_pip_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "NAME", "no-such-package")
    first, *others = run(installation.python, installation.package, installation.requirements)
    assert "lmms-eval does not find it" in first.said
    assert first.remedy.startswith("pip install ")
    assert [f.status for f in others] == ["problem", "problem"]


def test_folder_of_own_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN_CONFIGS, str(tmp_path / "gone"))
    assert bad(run(registered.adapters)) == {OWN_CONFIGS: "problem"}
    monkeypatch.setenv(OWN_CONFIGS, str(tmp_path))
    (tmp_path / "mine.yaml").write_text("model_args: {pretrained: micro-llava}\n")
    assert bad(run(registered.adapters)) == {}
    assert any("mine" in f.said for f in run(registered.adapters))
    (tmp_path / "wrong.yaml").write_text("model_arg: {}\n")
    (tmp_path / "cut.yaml").write_text("model_args: {")
    (tmp_path / "llava_bapa.yaml").write_text("model_args: {bapa: true}\n")
    found = bad(run(registered.adapters))
    assert found == {"wrong": "problem", "cut": "problem", "llava_bapa": "warning"}


def test_damaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in embedded.EMBEDDED:
        folder = embedded.embedded_path(name)
        assert folder is not None
        (tmp_path / name).mkdir()
        for file in ("training.json", "model.safetensors"):
            shutil.copy(folder / file, tmp_path / name)
    monkeypatch.setattr(embedded, "_WEIGHTS", tmp_path)
    assert bad(run(registered.embedded_models)) == {}
    weights = tmp_path / "micro-llava" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (tmp_path / "micro-llava-start" / "model.safetensors").unlink()
    wanted = {"micro-llava": "problem", "micro-llava-start": "problem"}
    assert bad(run(registered.embedded_models)) == wanted


def test_what_is_missing_comes_with_the_line_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optional, "find_spec", lambda name: None)
    found = run(optional.optional_parts)
    assert {f.status for f in found} == {"note"}
    assert all(f.remedy.startswith("pip install ") for f in found)
    named = {f.remedy.partition("lmms-bapa[")[2].rstrip("]'") for f in found} - {""}
    assert named <= set(distribution("lmms-bapa").metadata.get_all("Provides-Extra") or [])
    assert named


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "s3cret" * 6)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-s3cret")
    monkeypatch.setenv("HF_ENDPOINT", "https://me:s3cret@mirror.example")
    monkeypatch.setenv("HF_HOME", str(Path.home() / "models"))
    text = as_json({"g": run(machine.hub)})
    assert "s3cret" not in text
    for word in ("HF_TOKEN is set", "OPENAI_API_KEY is set", "mirror.example", "~/models"):
        assert word in text
    assert str(Path.home()) not in text or str(Path.home()) == "/"


def test_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert bad(run(machine.disk)) == {}
    used = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: used._replace(free=2**20))
    found = run(machine.disk)
    assert {f.status for f in found} == {"warning"}
    assert len(found) == 3


def plugin(folder: Path, name: str, code: str) -> None:
    """An installed package with a model entry point, as pip would leave it."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{harness_view.GROUP}]\n{name} = {name}:models\n")
    (folder / f"{name}.py").write_text(code)


def test_a_broken_plugin_is_told_from_those_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(tmp_path, "broken_one", "raise ImportError('no such thing')\n")
    plugin(tmp_path, "sound_one", "models = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {f.name: f for f in run(harness_view.plugins)}
    assert found["plugin broken_one"].status == "warning"
    assert "no such thing" in found["plugin broken_one"].said
    assert "pip uninstall broken_one" in found["plugin broken_one"].remedy
    assert found["plugins"].said.startswith("2 of 3 load")


def test_a_plugin_that_takes_ours_down_is_a_problem(tmp_path: Path) -> None:
    # Found before ours, so the harness never gets to ours.
    plugin(tmp_path, "broken_one", "raise ImportError('no such thing')\n")
    done = subprocess.run(
        [sys.executable, "-m", "lmms_bapa", "doctor", "--json"], capture_output=True, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=300,
    )  # fmt: skip
    status = {check["name"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert status["models"] == status["tasks"] == "problem"
    assert status["plugin broken_one"] == "warning"
    assert "Traceback" not in done.stderr
