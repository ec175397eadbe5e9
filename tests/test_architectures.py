"""The proof that the interventions reach each architecture, one and the same for all of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from packaging.version import Version

from lmms_bapa.interventions import AGCI, BaPA, DepthAGCI
from lmms_bapa.steering import ARCHITECTURES, UnsupportedModelError

from .steering_tools import (
    FIRST,
    NEW,
    NONE,
    ONE,
    TWO,
    assert_same,
    balanced_by_hand,
    beam_scores,
    decoder_input,
    generate,
    hooks_of,
    layer_inputs,
    logits,
    pictures_of,
    rotary_positions,
    steer,
)
from .tiny import TINY, Tiny
from .tiny.spec import IMAGE, INSTALLED, Row


@pytest.fixture(scope="module", params=sorted(TINY))
def tiny(request: pytest.FixtureRequest) -> tuple[Tiny, Any]:
    spec = TINY[request.param]
    return spec, spec.build(request.param)


def rows_of(spec: Tiny) -> list[Row]:
    return [ONE, TWO if spec.several else [2, "b", 6], NONE, FIRST]


def test_off_is_bit_identical_and_nothing_is_left(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs(rows_of(spec))
    before, tokens, hooks = logits(model, batch), generate(model, batch), hooks_of(model)
    with steer(spec, model, BaPA(strength=0), AGCI(0.0)):
        assert hooks_of(model) == hooks
        assert torch.equal(logits(model, batch), before)
    with steer(spec, model, BaPA(), AGCI(0.5)):
        assert hooks_of(model) != hooks
    assert hooks_of(model) == hooks
    again = generate(model, batch)
    assert torch.equal(again.sequences, tokens.sequences)
    assert all(map(torch.equal, again.logits, tokens.logits))


@pytest.mark.parametrize("method", [BaPA(), AGCI(0.5)], ids=["bapa", "agci"])
def test_each_method_changes_what_follows_a_picture_and_nothing_before(
    tiny: tuple[Tiny, Any], method: Any
) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE])
    stock = logits(model, batch)
    with steer(spec, model, method):
        steered = logits(model, batch)
        text = spec.inputs([NONE])
        with_text = logits(model, text)
    assert (steered[:, -1] - stock[:, -1]).abs().max() > 1e-3 * stock.abs().max()
    assert torch.equal(with_text, logits(model, text))


def test_positions_equal_the_hand_computed_list(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    rows = rows_of(spec)
    batch = spec.inputs(rows)
    stock = rotary_positions(model, batch, spec.axes)
    with steer(spec, model, BaPA()):
        balanced = rotary_positions(model, batch, spec.axes)
    with steer(spec, model, BaPA(strength=0.5)):
        half = rotary_positions(model, batch, spec.axes)
    assert len(stock) == len(balanced) == len(half)
    for i, row in enumerate(rows):
        want = torch.tensor(balanced_by_hand(spec, row)).float().expand(spec.axes, -1)
        pad = int((batch["attention_mask"][i] == 0).sum())
        if spec.counts_padding:
            want = want + pad
        for a, b, c in zip(stock, balanced, half, strict=True):
            assert torch.equal(b[:, i, pad:], want)
            torch.testing.assert_close(c[:, i, pad:], (a[:, i, pad:] + want) / 2)


def test_decoding_with_a_cache_equals_a_recompute(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([TWO if spec.several else ONE])
    for setting in ([BaPA(), AGCI(0.3)], [BaPA(strength=0.5)]):
        with steer(spec, model, *setting):
            cached = generate(model, batch)
            whole = logits(model, spec.extended(batch, cached.sequences[:, :-1]))
        assert_same(torch.stack(cached.logits, dim=1), whole[:, -NEW:])


def test_a_row_in_a_batch_equals_the_row_alone(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    rows = rows_of(spec)
    with steer(spec, model, BaPA(), AGCI(0.3)):
        together = torch.stack(generate(model, spec.inputs(rows)).logits, dim=1)
        for i, row in enumerate(rows):
            alone = torch.stack(generate(model, spec.inputs([row])).logits, dim=1)
            assert_same(together[i : i + 1], alone)


def test_agci_equals_the_formula_on_each_picture(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    rows = rows_of(spec)
    batch = spec.inputs(rows)
    stock = decoder_input(model, batch)
    with steer(spec, model, AGCI(0.7)):
        got = decoder_input(model, batch)
    want = stock.clone()
    for i, row in enumerate(rows):
        at = int((batch["attention_mask"][i] == 0).sum())
        for is_picture, ids in spec.layout(row):
            if is_picture:
                places = [at + j for j, token in enumerate(ids) if token == IMAGE]
                v = stock[i, places]
                g = v.mean(dim=0)
                cosine = (v @ g) / (v.norm(dim=-1) * g.norm())
                want[i, places] = v + 0.7 * (1 - cosine).unsqueeze(-1) * g
            at += len(ids)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    text = batch["input_ids"] != IMAGE
    assert torch.equal(got[text], stock[text])


def test_injection_by_depth_equals_the_formula_at_each_layer(tiny: tuple[Tiny, Any]) -> None:
    """One layer is plain AGCI, bit for bit; two are the formula at the inputs of two layers."""
    spec, model = tiny
    rows = rows_of(spec)
    batch = spec.inputs(rows)
    logits(model, batch)  # a first run adds some of transformers' own hooks
    hooks = hooks_of(model)
    if not ARCHITECTURES[model.config.model_type].layered:
        with pytest.raises(UnsupportedModelError, match="several hidden states for each token"):
            steer(spec, model, DepthAGCI(0.6, layers=2))
        assert hooks_of(model) == hooks
        return
    with steer(spec, model, AGCI(0.6)):
        plain = generate(model, batch)
    with steer(spec, model, DepthAGCI(0.6, layers=1)):
        one = generate(model, batch)
    assert torch.equal(one.sequences, plain.sequences)
    assert all(map(torch.equal, one.logits, plain.logits))
    with steer(spec, model, AGCI(0.2)):
        first = layer_inputs(model, batch)
    with steer(spec, model, DepthAGCI(0.6, layers=2, schedule="rising")):
        got = layer_inputs(model, batch)
    with steer(spec, model, BaPA(), DepthAGCI(0.6, layers=2)):
        together = torch.stack(generate(model, batch).logits, dim=1)
        for i, row in enumerate(rows):
            alone = torch.stack(generate(model, spec.inputs([row])).logits, dim=1)
            assert_same(together[i : i + 1], alone)
    assert torch.equal(got[0], first[0])
    want = first[1].clone()
    for places in pictures_of(spec, rows, batch):
        v = first[1][places]
        g = v.mean(dim=0)
        cosine = (v @ g) / (v.norm(dim=-1) * g.norm())
        want[places] = v + 0.4 * (1 - cosine).unsqueeze(-1) * g
    assert_same(got[1], want)
    text = batch["input_ids"] != IMAGE
    assert torch.equal(got[1][text], first[1][text])
    assert hooks_of(model) == hooks


def test_beam_search_scores_equal_a_recompute(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    if not spec.beam or Version(spec.beam_since) > INSTALLED:
        pytest.skip("the stock model's own beam search is wrong")
    with steer(spec, model, BaPA(), AGCI(0.3)):
        assert_same(*beam_scores(spec, model, ONE, beams=2))
