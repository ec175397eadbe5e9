"""Whole checkpoints with real processors: saved, reloaded, and run by their named adapters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from lmms_eval.tasks import TaskManager
from transformers import AutoModelForImageTextToText, AutoProcessor

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.interventions import AGCI, BaPA, Intervention, Tokens
from lmms_bapa.steering import steering

from .checkpoints import SAVED, Checkpoint
from .harness_runs import requests_for
from .picture_questions import ROWS, ask, documents, picture, save_task

SETTINGS: dict[str, list[Intervention]] = {
    "off": [],
    "BaPA": [BaPA()],
    "AGCI": [AGCI(2.0)],
    "both": [BaPA(), AGCI(1.0)],
}
# Qwen's adapters ask for larger pictures than a small model should have.
LIMITS = {"min_pixels": 64 * 64, "max_pixels": 160 * 160}


@dataclass
class Run:
    """One family's checkpoint on disk, its adapter, and the replies so far."""

    facts: Checkpoint
    folder: Path
    model: HFBapa
    manager: TaskManager
    docs: list[dict[str, Any]]
    found: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    def processor(self) -> Any:
        """Its processor, without the adapter's part in it."""
        return AutoProcessor.from_pretrained(self.folder, **self.facts.options)

    def replies(self, setting: str, batch_size: int) -> list[str]:
        """What the harness gets from the adapter."""
        if (setting, batch_size) not in self.found:
            self.model.steer(*SETTINGS[setting])
            size = {"batch_size": batch_size}
            self.model.options = self.model.options.model_copy(update=size)
            self.found[setting, batch_size] = ask(self.model, self.manager)
        return self.found[setting, batch_size]


@pytest.fixture(scope="module", params=list(SAVED))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    facts = SAVED[request.param]
    if facts.needs is not None:
        pytest.importorskip(facts.needs)
    folder = facts.save(request.param, tmp_path_factory.mktemp("checkpoint"))
    limits = LIMITS if "max_pixels" in preset(facts).model_args else {}
    model = getattr(presets, facts.adapter)(pretrained=str(folder), device="cpu", **limits)
    model.keep_loaded = True
    assert model.tokenizer.padding_side == "left"  # the right was saved
    docs = documents(facts.most, facts.text_alone)
    manager = save_task(tmp_path_factory.mktemp("task"), docs)
    yield Run(facts, folder, model, manager, docs)
    model.steer()


def preset(facts: Checkpoint) -> Any:
    return getattr(presets, facts.adapter).preset


@pytest.mark.parametrize("setting", ["off", "both"])
def test_a_row_in_a_batch_gets_the_reply_it_gets_alone(run: Run, setting: str) -> None:
    alone = run.replies(setting, 1)
    assert run.replies(setting, 4) == alone
    assert len(set(alone)) >= 4  # so that a mix-up would show


def test_off_is_what_transformers_itself_replies(run: Run) -> None:
    model = AutoModelForImageTextToText.from_pretrained(run.folder).eval()
    processor = run.processor()
    plain = []
    for doc in run.docs:
        inputs = encoded(processor, doc["pictures"], doc["text"]).to(model.dtype)
        output = model.generate(**inputs, max_new_tokens=4, do_sample=False)
        new = output[0, inputs["input_ids"].shape[1] :]
        plain.append(processor.tokenizer.decode(new, skip_special_tokens=True))
    assert run.replies("off", 1) == plain


def encoded(processor: Any, numbers: list[int], text: str) -> Any:
    """A question in transformers' own format, by its own way."""
    pictures = [picture(i) for i in numbers]
    if processor.chat_template is None:
        placed = processor.image_token * len(numbers) + text
        return processor(text=[placed], images=[pictures], return_tensors="pt")
    content = [{"type": "image", "image": p} for p in pictures]
    return processor.apply_chat_template(
        [{"role": "user", "content": [*content, {"type": "text", "text": text}]}],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )


def test_interventions_change_replies_about_pictures_and_no_others(run: Run) -> None:
    off = run.replies("off", 4)
    for setting in ("BaPA", "AGCI", "both"):
        pairs = zip(run.docs, off, run.replies(setting, 4), strict=True)
        changed = [(bool(doc["pictures"]), before != after) for doc, before, after in pairs]
        assert (True, True) in changed, setting
        assert (False, True) not in changed, setting


def test_each_picture_is_one_image_whatever_its_tiles(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image tokens of every picture, counted in a prompt of its own, are one segment each."""
    processor = run.processor()
    token = run.model._image_token
    numbers = {i for row in ROWS for i in row}
    alone = {i: tokens_of(encoded(processor, [i], "red"), token) for i in numbers}
    if run.facts.crops:
        assert len(set(alone.values())) > 1
    seen: list[list[int]] = []

    def spy(*args: Any, **kwargs: Any) -> Tokens | None:
        tokens = stock(*args, **kwargs)
        if tokens is not None and bool(tokens.visual.any()):
            for segment, visual in zip(tokens.segment, tokens.visual, strict=True):
                assert bool((segment[visual] > 0).all())
                seen.append(torch.unique(segment[visual], return_counts=True)[1].tolist())
        return tokens

    stock = steering.read_tokens
    monkeypatch.setattr(steering, "read_tokens", spy)
    run.found.pop(("both", 4), None)
    run.replies("both", 4)
    rows = [doc["pictures"] for doc in run.docs if doc["pictures"]]
    assert [len(counts) for counts in seen] == [len(row) for row in rows]
    for counts, row in zip(seen, rows, strict=True):
        assert counts == [alone[i] for i in row] or not (run.facts.alike or len(row) == 1)


def test_questions_that_do_not_fit_their_pictures_are_refused_before_generation(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(**_: Any) -> None:
        raise AssertionError("generation began")

    monkeypatch.setattr(run.model.model, "generate", generate)
    processor = run.model.processor
    shown, line = [picture(0)], "text spells .* out, which stands for a picture"
    for images in (shown, []):
        refused(run, {"images": images, "text": f"what is {processor.image_token}?"}, line)
    if not run.facts.text_alone:
        refused(run, {"images": [], "text": "what is it?"}, "`images` are expected")
    if run.facts.template is not None:  # without one, the processor places pictures itself
        monkeypatch.setattr(processor, "chat_template", "{{ messages[0].content[-1].text }}")
        refused(run, {"images": shown, "text": "what is it?"}, "template leaves pictures out")
    monkeypatch.setattr(processor, "chat_template", "{{ raise_exception('no such role') }}")
    refused(run, {"images": shown, "text": "what is it?"}, "refuses a question: no such role")


def refused(run: Run, question: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        run.model.generate_until(requests_for(run.model, [question]))
    assert "\n" not in str(caught.value)


def tokens_of(inputs: Any, token: int | None) -> int:
    return int((inputs["input_ids"] == token).sum())
