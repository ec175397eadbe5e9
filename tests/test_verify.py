"""``lmms-bapa verify`` finds a healthy checkpoint healthy, and each fault that is planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from lmms_bapa import cli
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.runs.verification import run_checks
from lmms_bapa.steering import Steering
from lmms_bapa.verify import checks
from lmms_bapa.verify.subject import Subject, load_subject

from .checkpoints import SAVED

VERDICTS = {
    "off is off": "pass",
    "nothing is left after removal": "pass",
    "BaPA changes logits": "pass",
    "AGCI λ=0.5 changes logits": "pass",
    "positions, one picture": "pass",
    "positions, two pictures": "pass",
    "batch equals row alone": "pass",
    "decoding equals recompute": "pass",
    "AGCI equals its formula": "pass",
    "AGCI leaves text alone": "pass",
    "time of a forward pass": "info",
}


@pytest.fixture(scope="module")
def subject() -> Subject:
    return load_subject("micro-llava", "llava_bapa", {"device": "cpu"})


def verdicts(subject: Subject) -> dict[str, str]:
    return {f.name: f.verdict for f in run_checks(subject, cli.console)}


def failures(subject: Subject) -> set[str]:
    return {name for name, verdict in verdicts(subject).items() if verdict == "FAIL"}


def test_a_healthy_checkpoint(subject: Subject) -> None:
    assert verdicts(subject) == VERDICTS


@pytest.mark.parametrize("name", ["qwen2_5_vl", "smolvlm", "gemma3", "paligemma"])
def test_checkpoints_with_real_processors(name: str, tmp_path: Path) -> None:
    if name not in SAVED:
        pytest.skip("the installed transformers cannot make this checkpoint")
    checkpoint = SAVED[name]
    one = load_subject(str(checkpoint.save(name, tmp_path)), checkpoint.adapter, {"device": "cpu"})
    found = verdicts(one)
    says_nothing = {"time of a forward pass"}
    if name == "paligemma":
        says_nothing |= {"decoding equals recompute"}
    assert {key for key, verdict in found.items() if verdict != "pass"} == says_nothing


def test_half_precision_has_a_wider_bound() -> None:
    short = load_subject("micro-llava", "hf_bapa", {"device": "cpu", "dtype": "bfloat16"})
    assert failures(short) == set()
    (finding,) = [f for f in checks.a_row_alone(short)]
    assert "<= 5.0e-02" in finding.bound


def test_a_wrong_formula_is_found(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = AGCI.embeddings
    monkeypatch.setattr(AGCI, "embeddings", lambda self, x, t: stock(self, x, t) * 1.001)
    assert failures(subject) >= {"AGCI equals its formula", "AGCI leaves text alone"}


def test_wrong_positions_are_found(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = BaPA.positions

    def shifted(self: BaPA, positions: torch.Tensor, tokens: Any) -> torch.Tensor:
        return stock(self, positions, tokens) + (tokens.segment > 0).long()

    monkeypatch.setattr(BaPA, "positions", shifted)
    assert failures(subject) == {"positions, one picture"}


def test_positions_that_do_not_reach_decoding_are_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Steering._enter_rotary

    def only_in_prefill(self: Steering, module: Any, args: Any, kwargs: Any) -> Any:
        assert self._call is not None
        self._call.rotary_seen = True
        return stock(self, module, args, kwargs) if self._call.has_pixels else None

    monkeypatch.setattr(Steering, "_enter_rotary", only_in_prefill)
    assert {"positions, one picture", "decoding equals recompute"} <= failures(subject)


def test_hooks_that_stay_are_found(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    undone: list[Any] = []
    monkeypatch.setattr(Steering, "remove", lambda self: undone.append(self._undo))
    found = list(checks.off_is_off(subject))
    for undo in undone:
        undo.close()
    assert [f.verdict for f in found] == ["pass", "FAIL"]


def test_a_mean_over_the_batch_is_found(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "AGCI", lambda strength: AGCI(strength, scope="call"))
    assert failures(subject) == {"batch equals row alone"}


def test_a_check_that_breaks_is_a_failure(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any) -> None:
        raise RuntimeError("no memory\nmore lines")

    monkeypatch.setattr(Subject, "decode", out_of_memory)
    broken = [f for f in run_checks(subject, cli.console) if f.verdict == "FAIL"]
    assert {f.figure for f in broken} == {"no memory"}


def test_the_command_prints_a_table_and_writes_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    command = ["verify", "--model", "micro-llava", "--output", str(report)]
    result = CliRunner().invoke(cli.app, command)
    assert result.exit_code == 0, result.output
    assert "decoding" in result.output
    text = report.read_text(encoding="utf-8")
    assert "micro-llava (llava), float32" in text
    for name, verdict in VERDICTS.items():
        assert f"| {name} | {verdict} |" in text


def test_the_command_fails_if_a_check_does(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = AGCI.embeddings
    monkeypatch.setattr(AGCI, "embeddings", lambda self, x, t: stock(self, x, t) * 1.001)
    assert CliRunner().invoke(cli.app, ["verify", "--model", "micro-llava"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "no/such/model"], "no such folder"),
        (["--model", "micro-llava", "--adapter", "lava_bapa"], "did you mean llava_bapa?"),
        (["--model", "micro-llava", "--model-args", "dtpye=float32"], "did you mean dtype?"),
        (["--model", "micro-llava", "--model-args", "bapa=true"], "leave them out"),
        (["--model", "micro-llava", "--output", "no/such/x.md"], "no such folder"),
        (["--model", "micro-llava", "--adapter", "gemma3_bapa"], "does not fit this adapter"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli.app, ["verify", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_table_of_models_is_complete() -> None:
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KINDS,
    )

    result = CliRunner().invoke(cli.app, ["models"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    listed = {words[0]: words[1] for words in lines if len(words) > 1 and words[0] in KINDS}
    assert sorted(listed) == sorted(KINDS)
    counts = [list(listed.values()).count(s) for s in ("proven", "expected", "refused")]
    assert "{} proven, {} expected, {} refused".format(*counts) in result.output
    only = CliRunner().invoke(cli.app, ["models", "--status", "refused"], env={"COLUMNS": "200"})
    assert "mllama" in only.output
    assert "paligemma" not in only.output
    assert CliRunner().invoke(cli.app, ["models", "--status", "tried"]).exit_code == 2


def test_the_documentation_has_the_table_of_models() -> None:
    result = CliRunner().invoke(cli.app, ["models", "--markdown"])
    document = Path(__file__).parent.parent / "docs" / "models.md"
    assert result.output in document.read_text(encoding="utf-8"), (
        "docs/models.md is stale: put the output of lmms-bapa models --markdown at its end"
    )
