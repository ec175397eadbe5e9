"""What an engine's configuration becomes when interventions are asked for; no engine is started."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from vllm.config.multimodal import MultiModalConfig

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import AGCI, BaPA, Intervention
from lmms_bapa.vllm import VARIABLE
from lmms_bapa.vllm.preparation import prepare_model
from lmms_bapa.vllm.settings import to_text


def prepared(
    monkeypatch: pytest.MonkeyPatch, name: str, wanted: Intervention, **rope: Any
) -> tuple[Any, MultiModalConfig]:
    """The configuration of a model, and of its pictures, after the plugin has seen it."""
    text = SimpleNamespace(rope_parameters={"rope_type": "default", **rope})
    model = SimpleNamespace(get_text_config=lambda: text, thinker_config=None)
    pictures = MultiModalConfig()
    monkeypatch.setenv(VARIABLE, to_text([wanted]))
    prepare_model(name, SimpleNamespace(hf_config=model, multimodal_config=pictures))
    return model, pictures


def test_only_pictures_are_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    _, pictures = prepared(monkeypatch, "LlavaForConditionalGeneration", AGCI(1))
    limits = [pictures.get_limit_per_prompt(kind) for kind in ("image", "video", "audio")]
    assert limits == [MultiModalConfig().get_limit_per_prompt("image"), 0, 0]


def test_one_axis_is_asked_for_its_positions_by_bapa_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "LlavaForConditionalGeneration"
    assert not hasattr(prepared(monkeypatch, name, AGCI(1))[0], "mrope_section")
    model, _ = prepared(monkeypatch, name, BaPA())
    assert model.mrope_section == [1]
    assert "mrope_section" not in model.get_text_config().rope_parameters


def test_several_axes_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Qwen2_5_VLForConditionalGeneration"
    model, _ = prepared(monkeypatch, name, BaPA(), mrope_section=[4, 6, 6])
    assert not hasattr(model, "mrope_section")


@pytest.mark.parametrize(
    ("name", "rope", "said"),
    [
        ("LlavaForConditionalGeneration", {"mrope_section": [4, 6, 6]}, "checkpoint has several"),
        ("Qwen2_5_VLForConditionalGeneration", {}, "checkpoint has one"),
        ("LlamaForCausalLM", {}, "LlamaForCausalLM: not among"),
        ("TransformersMultiModalForCausalLM", {}, "not among"),
        ("Molmo2ForConditionalGeneration", {}, "cannot be steered"),
    ],
)
def test_what_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, rope: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        prepared(monkeypatch, name, BaPA(), **rope)


def test_what_was_never_compared_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        prepared(monkeypatch, "LlavaForConditionalGeneration", AGCI(1))
        assert not caplog.messages
        prepared(monkeypatch, "AriaForConditionalGeneration", AGCI(1))
    (line,) = caplog.messages
    assert line.startswith("AriaForConditionalGeneration is not among the proven")
