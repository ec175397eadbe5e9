"""The table of what is steered inside vLLM: names, facts that agree, and proofs that exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as MODELS,
)
from typer.testing import CliRunner

from lmms_bapa import cli
from lmms_bapa.errors import UsageError
from lmms_bapa.steering import row_of
from lmms_bapa.vllm.architectures import ARCHITECTURES, check_architecture

from .vllm.checkpoints import FAMILIES
from .vllm.more_checkpoints import MORE

# What transformers spells LightOnOcr.
OTHER_NAMES = {"LightOnOCRForConditionalGeneration"}
DOCUMENT = Path(__file__).parent.parent / "docs" / "vllm.md"


def class_names(kind: str) -> tuple[str, ...]:
    """What transformers calls the class of a model type."""
    found = MODELS.get(kind, ())
    return (found,) if isinstance(found, str) else tuple(found)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_names_are_those_of_transformers(name: str) -> None:
    kind = ARCHITECTURES[name].kind
    known = {name: kind for kind in MODELS for name in class_names(kind)}
    if kind is None or name in OTHER_NAMES:
        assert name not in known
    elif kind in MODELS:  # older versions of transformers lack some
        assert name in class_names(kind)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_facts_agree_with_the_table_of_transformers(name: str) -> None:
    row = ARCHITECTURES[name]
    known = row_of(row.kind) if row.kind else None
    assert (known is None) == (row.kind is None)
    if row.status != "proven":
        assert row.note, "say why"
    if known is None:
        assert row.status != "proven", "nothing to compare vLLM with"
    if known is not None and known.status == "refused":
        assert row.status == "refused"
    if known is not None and row.status != "refused":
        assert known.status == "proven", "nothing to compare vLLM with"
        assert row.axes == known.axes
        assert row.axes in (1, 3), "vLLM has one position axis, or three"


def test_whatever_is_proven_has_its_case_of_parity() -> None:
    proven = {row.kind for row in ARCHITECTURES.values() if row.status == "proven"}
    compared = {small.family.partition(":")[0] for small in (FAMILIES | MORE).values()}
    assert proven == compared


def test_a_checkpoint_is_looked_up_by_its_first_known_name() -> None:
    assert check_architecture(["LlavaForConditionalGeneration"]).kind == "llava"
    assert check_architecture(["MyLlava", "LlavaForConditionalGeneration"]).kind == "llava"
    assert check_architecture(["Qwen2VLForConditionalGeneration"]).axes == 3


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ([], "names no architecture"),
        (["LlamaForCausalLM"], "LlamaForCausalLM: not among .* hf_bapa"),
        (["MyModel", "OtherModel"], "MyModel OtherModel: not among"),
        (["Granite4VisionForConditionalGeneration"], "cannot be steered .* decoder's layers"),
    ],
)
def test_others_are_refused_in_one_line(names: list[str], line: str) -> None:
    with pytest.raises(UsageError, match=line) as raised:
        check_architecture(names)
    assert "\n" not in str(raised.value)


def listed(*options: str) -> str:
    """What the command says, on a wide terminal."""
    result = CliRunner().invoke(
        cli.app, ["models", "--backend", "vllm", *options], env={"COLUMNS": "300"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_lists_all_of_them() -> None:
    lines = [line.split() for line in listed().splitlines()]
    found = {words[0]: words[1] for words in lines if words and words[0] in ARCHITECTURES}
    assert found == {name: row.status for name, row in ARCHITECTURES.items()}
    counts = [list(found.values()).count(s) for s in ("proven", "expected", "refused")]
    assert "{} proven, {} expected, {} refused".format(*counts) in listed()

    refused = listed("--status", "refused")
    assert "Granite4VisionForConditionalGeneration" in refused
    assert "LlavaForConditionalGeneration" not in refused


def test_an_unknown_back_end_is_refused() -> None:
    assert CliRunner().invoke(cli.app, ["models", "--backend", "llama.cpp"]).exit_code == 2


def test_the_documentation_has_the_table() -> None:
    assert listed("--markdown") in DOCUMENT.read_text(encoding="utf-8"), (
        "docs/vllm.md is stale: it has the output of lmms-bapa models --backend vllm --markdown"
    )
