"""Named adapters are YAML and nothing else; and what they say to a checkpoint that does not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoTokenizer

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.messages import check_image_tokens, encode
from lmms_bapa.harness.options import parse_options
from lmms_bapa.steering import ARCHITECTURES

from .checkpoints import ALL, SAVED
from .harness_runs import requests_for
from .picture_questions import picture

GENERAL = ("hf_bapa", "vllm_bapa")
NAMED = [name for name in presets.preset_names() if name not in GENERAL]
MAIN = ["llava", "llava_next", "llava_onevision", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5"]
MAIN += ["internvl", "gemma3", "gemma3n", "gemma4", "smolvlm", "idefics3", "paligemma"]
MAIN += ["mistral3", "glm4v"]


def test_the_main_families_have_an_adapter_and_a_whole_checkpoint() -> None:
    assert {f"{name}_bapa" for name in MAIN} <= set(NAMED)
    assert set(MAIN) <= set(ALL)


@pytest.mark.parametrize("name", NAMED)
def test_an_adapter_is_a_checkpoint_and_families_that_can_be_steered(name: str) -> None:
    preset = getattr(presets, name).preset
    options = parse_options({}, preset.model_args)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", options.load.pretrained)
    assert not options.interventions
    assert preset.model_types
    for kind in preset.model_types:
        assert ARCHITECTURES[kind].status == "proven", kind
    assert presets.preset_path(name).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", ALL)
def test_an_adapter_is_for_its_family(name: str) -> None:
    assert name.split(":")[0] in getattr(presets, ALL[name].adapter).preset.model_types


def saved(name: str, folder: Path) -> str:
    if name not in SAVED:
        pytest.skip(f"this transformers does not have {name}")
    return str(SAVED[name].save(name, folder))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def paligemma(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved("paligemma", tmp_path_factory.mktemp("paligemma"))


def one_question(text: str = "Is there a star?") -> dict[str, Any]:
    return {"images": [picture(0)], "text": text}


def reply(model: HFBapa, **question: Any) -> str:
    (answer,) = model.generate_until(requests_for(model, [one_question() | question]))
    return str(answer.text)


def test_a_new_adapter_is_a_new_file(
    qwen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_bapa.yaml").write_text(
        f"model_types: [qwen2_5_vl]\nmodel_args:\n  pretrained: {qwen}\n  bapa: true\n"
    )
    monkeypatch.setattr(presets, "folder", lambda _: tmp_path)
    assert presets.preset_names() == ["mine_bapa"]
    model = presets.mine_bapa(device="cpu")
    other = presets.mine_bapa(device="cpu", bapa=False)
    assert reply(model) != reply(other)
    assert [type(i).__name__ for i in model.interventions] == ["BaPA"]


def image_tokens(model: HFBapa, image: Image.Image) -> int:
    content = [{"type": "image", "url": image}, {"type": "text", "text": "star"}]
    ids = encode(model.processor, [[{"role": "user", "content": content}]])["input_ids"]
    return int((ids == model._image_token).sum())


def test_an_adapters_options_reach_the_processor_and_the_users_come_first(qwen: str) -> None:
    image = Image.new("RGB", (84, 84))  # nine tokens of 28 x 28 pixels
    assert image_tokens(presets.hf_bapa(pretrained=qwen, device="cpu"), image) == 9
    assert image_tokens(presets.qwen2_5_vl_bapa(pretrained=qwen, device="cpu"), image) == 256
    own = presets.qwen2_5_vl_bapa(pretrained=qwen, device="cpu", min_pixels=28 * 28)
    assert image_tokens(own, image) == 9
    small = presets.qwen2_5_vl_bapa(
        pretrained=qwen, device="cpu", min_pixels=28 * 28, max_pixels=4 * 28 * 28
    )
    assert image_tokens(small, image) == 4


def no_weights(*_: Any, **__: Any) -> None:
    raise AssertionError("the weights were read")


def test_a_checkpoint_of_another_family_is_refused(
    qwen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", no_weights)
    with pytest.raises(UsageError) as caught:
        presets.llava_bapa(pretrained=qwen, device="cpu")
    assert str(caught.value) == (
        f"pretrained={qwen}: qwen2_5_vl does not fit this adapter, which is for llava; "
        "use --model hf_bapa"
    )


def test_without_a_chat_template_there_must_be_a_fallback(
    paligemma: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = reply(presets.paligemma_bapa(pretrained=paligemma, device="cpu"))
    template = tmp_path / "template.jinja"
    template.write_text("<image>{{ messages[0].content[-1].text }}")
    given = presets.hf_bapa(pretrained=paligemma, device="cpu", chat_template=str(template))
    assert reply(given) == usual
    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", no_weights)
    with pytest.raises(UsageError) as caught:
        presets.hf_bapa(pretrained=paligemma, device="cpu")
    assert str(caught.value) == (
        f"pretrained={paligemma}: its processor has no chat template; use an instruction-tuned "
        "checkpoint, or give one with chat_template=FILE"
    )


def test_the_fallback_puts_every_picture_before_the_text(paligemma: str) -> None:
    model = presets.paligemma_bapa(pretrained=paligemma, device="cpu")
    content = [
        {"type": "text", "text": "What changed "},
        {"type": "image", "url": picture(1)},
        {"type": "text", "text": "between the two?"},
        {"type": "image", "url": picture(2)},
    ]
    ids = encode(model.processor, [[{"role": "user", "content": content}]])["input_ids"][0]
    text = model.tokenizer.decode(ids)
    assert text == "<image>" * 32 + "<s>What changed between the two?\n"


def test_a_tokenizer_saved_with_truncation_cuts_nothing_off(qwen: str, tmp_path: Path) -> None:
    model = presets.hf_bapa(pretrained=qwen, device="cpu")
    AutoModelForImageTextToText.from_pretrained(qwen).save_pretrained(tmp_path)
    model.processor.image_processor = model.processor.image_processor._stock
    model.processor.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(qwen)
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(max_length=8)
    backend.save(str(tmp_path / "tokenizer.json"))
    settings = tmp_path / "tokenizer_config.json"
    told = json.loads(settings.read_text()) | {"truncation": True, "max_length": 8}
    settings.write_text(json.dumps(told))
    # Of a fresh one: the first call of a tokenizer takes it off again.
    assert AutoTokenizer.from_pretrained(tmp_path).backend_tokenizer.truncation is not None
    cutting = presets.hf_bapa(pretrained=str(tmp_path), device="cpu")
    assert reply(cutting) == reply(presets.hf_bapa(pretrained=qwen, device="cpu"))


def test_image_tokens_that_are_cut_off_are_refused(
    qwen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = presets.hf_bapa(pretrained=qwen, device="cpu")
    stock = type(model.tokenizer).__call__

    def cut(self: Any, *args: Any, **kwargs: Any) -> Any:
        return stock(self, *args, **{**kwargs, "truncation": True, "max_length": 8})

    monkeypatch.setattr(type(model.tokenizer), "__call__", cut)
    monkeypatch.setattr(model.model, "generate", no_weights)
    with pytest.raises(UsageError, match="refuses a question: Mismatch in `image` token count"):
        reply(model)


def test_a_prompt_without_its_image_tokens_is_refused() -> None:
    """Where the processor does not count."""
    shown = [{"role": "user", "content": [{"type": "image", "url": picture(0)}]}]
    with pytest.raises(UsageError, match=r"1 picture\(s\) became a prompt with 0 image tokens"):
        check_image_tokens(torch.tensor([[1, 2, 3]]), [shown], 100)
    told = [{"role": "user", "content": [{"type": "text", "text": "<image>"}]}]
    with pytest.raises(UsageError, match="without pictures became a prompt with 1 image tokens"):
        check_image_tokens(torch.tensor([[1, 2, 100]]), [told], 100)
