"""Both adapters on the same questions, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from lmms_eval.api.instance import GenerationResult

from lmms_bapa.harness.presets import __getattr__ as adapter_class
from tests.harness_runs import requests_for
from tests.picture_questions import picture

SHORT = {"max_model_len": 512, "enforce_eager": True, "max_num_seqs": 8}
BOTH = ("hf_bapa", "vllm_bapa")


class Noted:
    """A journal that knows nothing, and keeps what it is told."""

    def __init__(self, known: Mapping[Any, list[GenerationResult]] | None = None) -> None:
        self.known = dict(known or {})
        self.found: dict[Any, Any] = {}

    def recall(self, batch: list[Any]) -> list[GenerationResult] | None:
        return self.known.get(tuple(question[3] for question in batch))

    def record(self, batch: list[Any], replies: list[GenerationResult]) -> None:
        self.known[tuple(question[3] for question in batch)] = replies
        for question, reply in zip(batch, replies, strict=True):
            assert reply.token_counts is not None
            tokens = reply.token_counts.output_tokens
            self.found[question[4], question[3]] = (reply.text, reply.text.margin, tokens)


def loaded(name: str, model: str, **options: Any) -> Any:
    """An adapter of either back end, with the same batches."""
    own = SHORT | {"model": model} if name == "vllm_bapa" else {"pretrained": model}
    made = adapter_class(name)(batch_size=24, **own, **options)
    made.keep_loaded = True
    return made


def equal(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> None:
    """The same texts and lengths, and margins as near as float32 is."""
    assert one.keys() == other.keys()
    for key, (text, margin, tokens) in one.items():
        assert (text.strip(), tokens) == (other[key][0].strip(), other[key][2]), key
        assert margin == pytest.approx(other[key][1], abs=2e-4, nan_ok=True), key


def asked(adapter: Any, docs: list[dict[str, Any]]) -> dict[Any, Any]:
    adapter.journal = Noted()
    adapter.generate_until(requests_for(adapter, docs))
    found: dict[Any, Any] = adapter.journal.found
    return found


def documents(**generation: Any) -> list[dict[str, Any]]:
    """No picture, one, two, and one of another shape; text with a word twice."""
    texts = ["is there a red star ?", "is there a blue cup ? No", "Yes or No ?"]
    shown: list[list[Any]] = [[], [picture(0)], [picture(1)], [picture(0), picture(3)]]
    return [
        {"images": images, "text": texts[i % 3], "generation": {"max_new_tokens": 6, **generation}}
        for i, images in enumerate(shown)
    ]
