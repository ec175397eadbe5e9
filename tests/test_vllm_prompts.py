"""What the vLLM adapter asks, as far as it can be seen without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import AutoConfig, AutoProcessor

from lmms_bapa.embedded import embedded_path
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.messages import encode
from lmms_bapa.harness.vllm.rendering import Rendering

from .checkpoints import SAVED
from .picture_questions import picture

# With a first token by the template, by the tokenizer, by both, and by neither.
FAMILIES = [name for name in ("llava", "gemma3", "qwen2_5_vl", "idefics3") if name in SAVED]


def conversation(text: str, *images: Any) -> list[dict[str, Any]]:
    content = [{"type": "image", "url": image} for image in images]
    return [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]


def rendering(folder: Path) -> tuple[Any, Rendering]:
    processor = AutoProcessor.from_pretrained(folder)
    return processor, Rendering(processor, AutoConfig.from_pretrained(folder), None)


@pytest.fixture(scope="module")
def micro() -> tuple[Any, Rendering]:
    folder = embedded_path("micro-llava")
    assert folder is not None
    return rendering(folder)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_text_is_that_of_the_other_adapter(name: str, tmp_path: Path) -> None:
    SAVED[name].save(name, tmp_path)
    processor, own = rendering(tmp_path)
    asked = conversation("Is there a red star?")
    (question,) = own.questions([asked])
    assert (
        question.prompt["prompt_token_ids"] == encode(processor, [asked])["input_ids"][0].tolist()
    )
    assert "multi_modal_data" not in question.prompt


def test_a_template_that_writes_the_first_token_gets_no_second_one(micro: Any) -> None:
    processor, own = micro
    bos = processor.tokenizer.bos_token_id
    kept = processor.chat_template
    counts = []
    for first in ("", processor.tokenizer.bos_token):
        processor.chat_template = first + "{{ messages[0]['content'][-1]['text'] }}"
        (question,) = own.questions([conversation("yes")])
        assert question.prompt["prompt_token_ids"] == (
            encode(processor, [conversation("yes")])["input_ids"][0].tolist()
        )
        counts.append(question.prompt["prompt_token_ids"].count(bos))
    processor.chat_template = kept
    assert counts[1] == 1


def test_pictures_are_handed_over_as_they_are_in_their_order(micro: Any) -> None:
    _, own = micro
    grey = picture(1).convert("L")
    (question,) = own.questions([conversation("yes", picture(0), grey)])
    shown = question.prompt["multi_modal_data"]["image"]
    assert [image.size for image in shown] == [picture(0).size, grey.size]
    assert shown[0] is picture(0)
    assert shown[1].mode == "RGB"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (conversation("what is <image> ?"), "spells <image> out"),
        (conversation("yes", "nowhere.png"), "a picture of the task cannot be read"),
        (conversation("yes " * 3000), r"a question has 3,\d+ tokens .* the model's limit is"),
        ([{"role": "user", "content": [{"type": "video", "url": "x"}]}], "video or audio"),
    ],
    ids=["image token", "no picture", "too long", "video"],
)
def test_what_the_other_adapter_refuses_is_refused(micro: Any, asked: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        micro[1].questions([asked])


def test_a_template_without_pictures_is_refused_before_any_engine(micro: Any) -> None:
    processor, _ = micro
    kept = processor.chat_template
    processor.chat_template = "{{ messages[0]['content'][-1]['text'] }}"
    fresh = Rendering(processor, AutoConfig.from_pretrained(embedded_path("micro-llava")), None)
    with pytest.raises(UsageError, match="the chat template leaves pictures out"):
        fresh.questions([conversation("yes", picture(0))])
    processor.chat_template = kept


def test_what_the_engine_reads_is_compared_with_the_checkpoint_s_processor(micro: Any) -> None:
    processor, _ = micro
    config = AutoConfig.from_pretrained(embedded_path("micro-llava"))
    own = Rendering(processor, config, config.image_token_id)
    text, shown = conversation("yes"), conversation("yes", picture(0))
    questions = own.questions([text, shown])
    right = [encode(processor, [one])["input_ids"][0].tolist() for one in (text, shown)]
    own.check(questions, right)
    own.check(questions[:1], [right[0][1:]])  # only the first of each kind
    for wrong in ([right[0][1:], right[1]], [right[0], [*right[1], right[1][-1]]]):
        again = Rendering(processor, config, config.image_token_id)
        with pytest.raises(UsageError, match=r"vLLM reads a question as .* not the same ones"):
            again.check(questions, wrong)
    with pytest.raises(UsageError, match=re.escape("1 picture(s) became a prompt with 0 image")):
        own.check(questions[1:], [right[0]])


def test_a_picture_is_drawn_before_the_engine_asks_for_it(micro: Any) -> None:
    """The next batches are read while the engine answers: two and no more."""
    _, own = micro
    read: list[int] = []

    def messages(document: dict[str, Any]) -> list[dict[str, Any]]:
        read.append(document["number"])
        return conversation("yes", Image.new("RGB", (12, 12)))

    batches = [[("", messages, {}, i, "t", "test")] for i in range(6)]
    documents = {"t": {"test": [{"number": i} for i in range(6)]}}
    for number, (batch, questions) in enumerate(own.ahead(batches, documents)):
        assert batch is batches[number]
        assert len(questions) == 1
        assert max(read) <= number + 2
    assert read == list(range(6))
