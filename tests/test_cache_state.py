"""Decoding on a KV cache, against recompute and hand-computed positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from packaging.version import Version
from torch import Tensor

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import SteeringError, intervene

from .steering_tools import (
    NEW,
    NONE,
    ONE,
    TWO,
    assert_same,
    balanced_by_hand,
    beam_scores,
    generate,
    logits,
    rotary_positions,
    stock_by_hand,
)
from .tiny import TINY, Tiny
from .tiny.spec import IMAGE, INSTALLED, Row, taken_by

SETTINGS = [
    BaPA(),
    BaPA(strength=0.5),
    BaPA(anchor="center"),
    BaPA(anchor=0.0),
    BaPA(anchor=0.25, strength=0.5),
]


@pytest.mark.parametrize("bapa", SETTINGS, ids=str)
def test_cached_decoding_of_padded_rows_equals_a_recompute(
    tiny: tuple[Tiny, Any], bapa: BaPA
) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO, NONE])
    with intervene(model, bapa, AGCI(0.3)):
        out = generate(model, batch)
        full = spec.extended(batch, out.sequences[:, :-1])
        # As generate() does: positions count the tokens that are not padding.
        if spec.axes == 1:
            full["position_ids"] = (full["attention_mask"].cumsum(1) - 1).clamp(min=0)
        again = logits(model, full)
    assert_same(torch.stack(out.logits, dim=1), again[:, -NEW:])


def test_beams_of_two_pictures_equal_a_recompute(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    # Old versions repeat each picture of LLaVA, not those of each row.
    repeats_rows = spec.axes > 1 or Version("5.19") <= INSTALLED
    with intervene(model, BaPA(), AGCI(0.3)):
        assert_same(*beam_scores(spec, model, TWO if repeats_rows else ONE, beams=3))


def test_interleaved_generations_keep_apart(tiny: tuple[Tiny, Any]) -> None:
    """The decode state belongs to the cache, not to the model."""
    spec, model = tiny
    token = torch.tensor([[9]])
    batches = {0: spec.inputs([ONE]), 1: spec.inputs([TWO])}
    with intervene(model, BaPA()), torch.no_grad():
        longer = [spec.extended(b, torch.cat([b["input_ids"], token], 1)) for b in batches.values()]
        want = [logits(model, b)[:, -1] for b in longer]
        caches = [
            model(**taken_by(model, b), use_cache=True).past_key_values for b in batches.values()
        ]
        for i, row in enumerate((ONE, TWO)):
            step = {"input_ids": token, "attention_mask": longer[i]["attention_mask"]}
            if spec.axes > 1:
                at = batches[i]["input_ids"].shape[1]
                step["position_ids"] = torch.tensor(stock_by_hand(spec, row))[:, None, at : at + 1]
            got = model(**step, past_key_values=caches[i], use_cache=True).logits[:, -1]
            assert_same(got, want[i])


def test_a_second_turn_on_a_kept_cache_equals_one_pass() -> None:
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    whole = spec.inputs([[3, "a", 6, "b", 3]])
    cut = 3 + 16 + 4
    with intervene(model, BaPA()), torch.no_grad():
        want = logits(model, whole)
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
    assert_same(torch.cat([first.logits, second.logits], dim=1), want)


def test_a_generated_image_token_is_text(tiny: tuple[Tiny, Any]) -> None:
    """Only pictures make an image; afterwards every token counts one, whatever its id."""
    spec, model = tiny
    batch = spec.inputs([ONE])
    length = batch["input_ids"].shape[1]

    def run(model: Any, batch: dict[str, Any]) -> None:
        cache = model(**taken_by(model, batch), use_cache=True).past_key_values
        for step in range(1, NEW):
            mask = torch.ones(1, length + step, dtype=torch.long)
            token = torch.tensor([[IMAGE]])
            model(input_ids=token, attention_mask=mask, past_key_values=cache, use_cache=True)

    with intervene(model, BaPA(), AGCI(0.5)), torch.no_grad():
        (got,) = rotary_positions(model, batch, spec.axes, run)
    assert all(axis.tolist() == balanced_by_hand(spec, ONE) for axis in got[:, 0])


def test_the_text_index_of_mrope_follows_from_the_mask_in_a_forward_call() -> None:
    spec, model = TINY["qwen2_5_vl"], TINY["qwen2_5_vl"].build("qwen2_5_vl")
    rows = [ONE, TWO, NONE]
    batch = spec.inputs(rows)
    with intervene(model, BaPA()):
        (got,) = rotary_positions(model, batch, 3, logits)
    for i, row in enumerate(rows):
        pad = int((batch["attention_mask"][i] == 0).sum())
        want = balanced_by_hand(spec, row)[: 1 - NEW]  # nothing is generated
        assert all(axis.tolist() == want for axis in got[:, i, pad:])


def test_the_text_index_of_mrope_follows_from_the_cache_where_nothing_is_masked() -> None:
    spec, model = TINY["qwen2_5_vl"], TINY["qwen2_5_vl"].build("qwen2_5_vl")
    batch = {k: v for k, v in spec.inputs([ONE]).items() if k != "attention_mask"}

    def run(model: Any, batch: dict[str, Any]) -> None:
        cache = model(**taken_by(model, batch), use_cache=True).past_key_values
        for _ in range(1, NEW):
            model(input_ids=torch.tensor([[9]]), past_key_values=cache, use_cache=True)

    with intervene(model, BaPA()), torch.no_grad():
        (got,) = rotary_positions(model, batch, 3, run)
    assert all(axis.tolist() == balanced_by_hand(spec, ONE) for axis in got[:, 0])


def test_a_picture_cut_by_a_chunked_prefill_is_refused() -> None:
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    # In old versions the stock model itself is the first to notice.
    refusal = "prefill_chunk_size|features and image tokens do not match"
    with intervene(model, BaPA()), pytest.raises((SteeringError, ValueError), match=refusal):
        generate(model, spec.inputs([ONE]), prefill_chunk_size=8)


class Session:
    """A balanced LLaVA that is fed chunk by chunk on one cache."""

    def __init__(self) -> None:
        self.spec = TINY["llava"]
        self.model = self.spec.build("llava")
        self.cache: Any = None

    def feed(self, *rows: Row) -> list[list[int]]:
        """Feeds rows of one length, and returns their positions at the rotary embedding."""
        batch = self.spec.inputs(rows)
        assert batch["attention_mask"].all()
        past = self.cache.get_seq_length() if self.cache is not None else 0
        seen = torch.ones(len(rows), past, dtype=torch.long)
        batch["attention_mask"] = torch.cat([seen, batch["attention_mask"]], dim=1)
        (positions,) = rotary_positions(self.model, batch, 1, self._run)
        return positions[0].int().tolist()

    def _run(self, model: Any, batch: dict[str, Tensor]) -> None:
        with torch.no_grad():
            out = model(**batch, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values

    def keep(self, tokens: int) -> None:
        self.cache.crop(tokens - self.cache.get_seq_length())
        assert self.cache.get_seq_length() == tokens


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session()
    with intervene(made.model, BaPA()):
        yield made


def test_state_survives_generated_tokens_and_a_second_picture(session: Session) -> None:
    assert session.feed([2, "a", 1]) == [[0, 1, *[2] * 16, 3]]
    assert [session.feed([1]) for _ in range(3)] == [[[4]], [[5]], [[6]]]
    assert session.feed([2, "a", 1]) == [[7, 8, *[9] * 16, 10]]
    assert session.feed([3]) == [[11, 12, 13]]
    assert session.feed([1]) == [[14]]


def test_state_follows_a_cropped_cache(session: Session) -> None:
    session.feed([2, "a", 2, "a", 1])
    session.keep(2 + 16 + 2)  # back to before the second picture
    assert [session.feed([1]) for _ in range(4)] == [[[5]], [[6]], [[7]], [[8]]]
    session.keep(2 + 16 + 1)
    assert session.feed([2, "a", 1]) == [[4, 5, *[6] * 16, 7]]
    session.keep(2)
    assert session.feed([2]) == [[2, 3]]
    assert session.feed([1]) == [[4]]


def test_state_follows_a_cache_cropped_to_a_generated_token(session: Session) -> None:
    session.feed([2, "a", 1])
    assert [session.feed([1]) for _ in range(3)] == [[[4]], [[5]], [[6]]]
    session.feed([2, "a", 1])
    session.keep(2 + 16 + 1 + 2)
    assert session.feed([2]) == [[6, 7]]


def test_an_emptied_cache_remembers_nothing(session: Session) -> None:
    session.feed([2, "a", 1])
    session.keep(0)
    assert session.feed([30]) == [list(range(30))]
    assert session.feed([1]) == [[30]]


def test_state_follows_repeated_rows(session: Session) -> None:
    """Two prompts of equal length, one with a picture; then each row of the cache twice."""
    assert session.feed([2, "a", 1], [19]) == [[0, 1, *[2] * 16, 3], list(range(19))]
    session.cache.batch_repeat_interleave(2)
    assert session.feed(*[[1]] * 4) == [[4], [4], [19], [19]]
    assert session.feed(*[[2]] * 4) == [[5, 6], [5, 6], [20, 21], [20, 21]]
