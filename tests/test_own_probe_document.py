"""The commands of docs/own_probe.md, as typed."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import datasets
import pytest
from lmms_eval.utils import simple_parse_args_string
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.harness.adapter import HFBapa

from .captioned_pictures import laion_copy, manager
from .harness_runs import evaluate

TEXT = (Path(__file__).parent.parent / "docs" / "own_probe.md").read_text(encoding="utf-8")


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(code, {})
    listed, _ = laion_copy(tmp_path, groups=1)
    listed.rename("laion.json")
    blocks = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)
    typed = [line for kind, block in blocks if not kind for line in block.splitlines()]
    commands = [shlex.split(line) for line in typed]
    assert len(commands) >= 7
    for program, *arguments in commands:
        if program == "cp":
            shutil.copy(*arguments)
        elif program == "lmms-bapa":
            result = CliRunner().invoke(app, arguments)
            if "--emoji" in arguments and result.exit_code:
                assert "no colour-emoji font is installed" in result.stderr
            else:
                assert result.exit_code == 0, result.stderr
        else:
            given = dict(zip(arguments[::2], arguments[1::2], strict=True))
            options = simple_parse_args_string(given["--model_args"])
            if not options["pretrained"].startswith("micro"):  # needs the hub
                options["pretrained"] = "micro-llava"
            task = given["--tasks"]
            results = evaluate(
                HFBapa(**options, device="cpu", batch_size=18),
                [task],
                manager=manager(Path(given["--include_path"])),
                limit=18,
            )
            assert results["results"][task]["accuracy,none"] >= 0
