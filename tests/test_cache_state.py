"""Decoding on a KV cache, against recompute and hand-computed positions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from packaging.version import Version

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import SteeringError, intervene

from .steering_tools import (
    NEW,
    NONE,
    ONE,
    SETTINGS,
    TWO,
    RotarySpy,
    expected_positions,
    extended,
    generate,
    logits,
    stock_positions,
)
from .tiny.spec import INSTALLED
from .tiny_models import IMAGE, TINY, Row, TinyModel


@pytest.mark.parametrize("bapa", SETTINGS, ids=str)
def test_cached_decoding_equals_recompute(tiny: tuple[TinyModel, Any], bapa: BaPA) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO, NONE])
    with intervene(model, bapa, AGCI(0.3)):
        out = generate(model, batch)
        full = extended(batch, out.sequences[:, :-1])
        # As generate() does: positions count the tokens that are not padding.
        if spec.axes == 1:
            full["position_ids"] = (full["attention_mask"].cumsum(1) - 1).clamp(min=0)
        again = logits(model, full)
    start = batch["input_ids"].shape[1] - 1
    for step, cached in enumerate(out.logits):
        torch.testing.assert_close(cached, again[:, start + step], atol=1e-5, rtol=0)


def test_beams_equal_recompute(tiny: tuple[TinyModel, Any]) -> None:
    spec, model = tiny
    # Old versions repeat each picture of LLaVA, not those of each row.
    repeats_rows = spec.axes > 1 or Version("5.19") <= INSTALLED
    batch = spec.inputs([TWO if repeats_rows else ONE])
    with intervene(model, BaPA(), AGCI(0.3)):
        out = model.generate(
            **copy.deepcopy(batch), do_sample=False, num_beams=3, max_new_tokens=NEW,
            return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
        again = logits(model, extended(batch, out.sequences[:, :-1]))
    start = batch["input_ids"].shape[1] - 1
    allowed = again[:, start:].clone()
    chosen = out.sequences[:, start + 1 :, None]
    score = allowed.log_softmax(-1).gather(2, chosen).sum() / NEW
    torch.testing.assert_close(score, out.sequences_scores[0], atol=1e-5, rtol=0)


def test_interleaved_generations_keep_apart(tiny: tuple[TinyModel, Any]) -> None:
    """The decode state belongs to the cache, not to the model."""
    spec, model = tiny
    batches = [spec.inputs([ONE]), spec.inputs([TWO])]
    with intervene(model, BaPA()), torch.no_grad():
        want = [
            logits(model, extended(b, torch.cat([b["input_ids"], torch.tensor([[9]])], 1)))[:, -1]
            for b in batches
        ]
        caches = [model(**copy.deepcopy(b), use_cache=True).past_key_values for b in batches]
        got = []
        for b, cache in zip(batches, caches, strict=True):
            mask = torch.ones(1, b["input_ids"].shape[1] + 1, dtype=torch.long)
            step = {"input_ids": torch.tensor([[9]]), "attention_mask": mask}
            if spec.axes > 1:
                stock = torch.tensor(stock_positions(spec, ONE if b is batches[0] else TWO))
                step["position_ids"] = stock[:, None, -NEW : -NEW + 1].long()
            got.append(model(**step, past_key_values=cache, use_cache=True).logits[:, -1])
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_a_second_turn_on_a_kept_cache_equals_one_pass() -> None:
    spec = TINY["llava"]
    model = spec.build()
    whole = spec.inputs([[3, "a", 4, 2, "b", 3]])
    cut = 3 + 16 + 4
    with intervene(model, BaPA()), torch.no_grad():
        want = logits(model, whole)[:, -1]
        first = model(
            input_ids=whole["input_ids"][:, :cut],
            pixel_values=whole["pixel_values"][:1],
            use_cache=True,
        )
        second = model(
            input_ids=whole["input_ids"][:, cut:],
            pixel_values=whole["pixel_values"][1:],
            attention_mask=whole["attention_mask"],
            past_key_values=first.past_key_values,
        )
    torch.testing.assert_close(second.logits[:, -1], want, atol=1e-5, rtol=0)


def test_a_generated_image_token_is_text(tiny: tuple[TinyModel, Any]) -> None:
    """Only pictures make an image; afterwards every token counts one, whatever its id."""
    spec, model = tiny
    batch = spec.inputs([ONE])
    length = batch["input_ids"].shape[1]
    with intervene(model, BaPA(), AGCI(0.5)), torch.no_grad():
        spy = RotarySpy(model)
        cache = model(**copy.deepcopy(batch), use_cache=True).past_key_values
        for step in range(1, 4):
            mask = torch.ones(1, length + step, dtype=torch.long)
            token = torch.tensor([[IMAGE]])
            model(input_ids=token, attention_mask=mask, past_key_values=cache, use_cache=True)
        spy.handle.remove()
    first = expected_positions(spec, ONE, BaPA())[0][length]
    assert spy.rows(1, spec.axes)[0, 0, length:].tolist() == [first, first + 1, first + 2]


class Session:
    """A balanced LLaVA that is fed chunk by chunk on one cache, its rotary positions recorded."""

    def __init__(self) -> None:
        self.spec = TINY["llava"]
        self.model = self.spec.build()
        self.handle = intervene(self.model, BaPA())
        self.spy = RotarySpy(self.model)
        self.cache: Any = None

    def feed(self, ids: torch.Tensor, pictures: int = 0) -> list[list[int]]:
        """Feeds ids, shape (B, L), and returns their positions at the rotary embedding."""
        past = self.cache.get_seq_length() if self.cache is not None else 0
        mask = torch.ones(ids.shape[0], past + ids.shape[1], dtype=torch.long)
        pixels = self.spec.pictures(["a"] * pictures)
        with torch.no_grad():
            out = self.model(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=self.cache,
                use_cache=True,
                **pixels,
            )
        self.cache = out.past_key_values
        positions = self.spy.seen[-1]
        return [p.tolist() for p in positions.expand(ids.shape[0], -1)]

    def keep(self, tokens: int) -> None:
        self.cache.crop(tokens - self.cache.get_seq_length())
        assert self.cache.get_seq_length() == tokens

    def row(self, row: Row) -> torch.Tensor:
        return torch.tensor([self.spec.row_ids(row, seed=1)])


def test_state_survives_generated_tokens_and_a_second_picture() -> None:
    session = Session()
    assert session.feed(session.row([2, "a", 1]), 1) == [[0, 1, *[2] * 16, 3]]
    assert [session.feed(session.row([1])) for _ in range(3)] == [[[4]], [[5]], [[6]]]
    assert session.feed(session.row([2, "a", 1]), 1) == [[7, 8, *[9] * 16, 10]]
    assert session.feed(session.row([3])) == [[11, 12, 13]]
    assert session.feed(session.row([1])) == [[14]]


def test_state_follows_a_cropped_cache() -> None:
    session = Session()
    session.feed(session.row([2, "a", 2, "a", 1]), 2)
    session.keep(2 + 16 + 2)  # back to before the second picture
    assert [session.feed(session.row([1])) for _ in range(4)] == [[[5]], [[6]], [[7]], [[8]]]
    session.keep(2 + 16 + 1)
    assert session.feed(session.row([2, "a", 1]), 1) == [[4, 5, *[6] * 16, 7]]
    session.keep(2)
    assert session.feed(session.row([2])) == [[2, 3]]
    assert session.feed(session.row([1])) == [[4]]


def test_state_follows_a_cache_cropped_to_a_generated_token() -> None:
    session = Session()
    session.feed(session.row([2, "a", 1]), 1)
    assert [session.feed(session.row([1])) for _ in range(3)] == [[[4]], [[5]], [[6]]]
    session.feed(session.row([2, "a", 1]), 1)
    session.keep(2 + 16 + 1 + 2)
    assert session.feed(session.row([2])) == [[6, 7]]


def test_an_emptied_cache_remembers_nothing() -> None:
    session = Session()
    session.feed(session.row([2, "a", 1]), 1)
    session.keep(0)
    assert session.feed(session.row([30])) == [list(range(30))]
    assert session.feed(session.row([1])) == [[30]]


def test_state_follows_repeated_rows() -> None:
    """Two prompts of equal length, one with a picture; then each row of the cache twice."""
    session = Session()
    ids = torch.cat([session.row([2, "a", 1]), session.row([19])])
    assert session.feed(ids, 1) == [[0, 1, *[2] * 16, 3], list(range(19))]
    session.cache.batch_repeat_interleave(2)
    assert session.feed(torch.full((4, 1), 9)) == [[4], [4], [19], [19]]
    assert session.feed(torch.full((4, 2), 9)) == [[5, 6], [5, 6], [20, 21], [20, 21]]


def test_the_text_index_of_mrope_follows_from_the_cache_where_nothing_is_masked() -> None:
    spec = TINY["qwen2_5_vl"]
    model = spec.build()
    batch = {k: v for k, v in spec.inputs([ONE]).items() if k != "attention_mask"}
    expected = expected_positions(spec, ONE, BaPA())
    length = batch["input_ids"].shape[1]
    with intervene(model, BaPA()), torch.no_grad():
        spy = RotarySpy(model)
        cache = model(**batch, use_cache=True).past_key_values
        model(input_ids=torch.tensor([[9]]), past_key_values=cache, use_cache=True)
        spy.handle.remove()
    assert spy.rows(1, 3)[:, 0].tolist() == [axis[: length + 1] for axis in expected]


def test_an_image_cut_by_a_chunked_prefill_is_refused() -> None:
    spec = TINY["llava"]
    model = spec.build()
    # In old versions the stock model itself is the first to notice.
    refusal = "prefill_chunk_size|features and image tokens do not match"
    with intervene(model, BaPA()), pytest.raises((SteeringError, ValueError), match=refusal):
        generate(model, spec.inputs([ONE]), prefill_chunk_size=8)
