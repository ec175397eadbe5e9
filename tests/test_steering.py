"""Handles, anchored positions, and what else is not the same for every architecture."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import ARCHITECTURES, SteeringError, intervene

from .steering_tools import (
    FIRST,
    NONE,
    ONE,
    TWO,
    assert_same,
    balanced_by_hand,
    decoder_input,
    generate,
    hooks_of,
    logits,
    parts_of,
    rotary_positions,
    stock_by_hand,
)
from .tiny import TINY, Tiny
from .tiny.spec import IMAGE, Row, decoder_of, taken_by

BOTH = (BaPA(), AGCI(0.3))
SETTINGS = [
    BaPA(strength=0.5),
    BaPA(anchor="center"),
    BaPA(anchor=0.0),
    BaPA(anchor=1.0),
    BaPA(anchor=0.25, strength=0.5),
]


def placed(here: list[int], anchor: str | float) -> float:
    """Where one picture goes inside its own range on one axis."""
    if isinstance(anchor, str):
        return sum(here) / len(here)
    return min(here) + anchor * (max(here) - min(here))


def moved_by_hand(spec: Tiny, row: Row, bapa: BaPA) -> list[list[float]]:
    """Strength and anchor, written out token by token."""
    moved: list[list[float]] = []
    for stock in stock_by_hand(spec, row):
        target: list[float] = []
        for is_picture, n in parts_of(spec, row):
            here = stock[len(target) : len(target) + n]
            target += [placed(here, bapa.anchor)] * n if is_picture else here
        if bapa.anchor == "paper":
            target = [float(p) for p in balanced_by_hand(spec, row)]
        s = bapa.strength
        moved.append([a + s * (b - a) for a, b in zip(stock, target, strict=True)])
    return moved


@pytest.mark.parametrize("bapa", SETTINGS, ids=str)
@pytest.mark.parametrize("rows", [[TWO], [ONE, TWO, NONE, FIRST]], ids=["one row", "four rows"])
def test_positions_equal_the_hand_computed_list(
    tiny: tuple[Tiny, Any], rows: list[Row], bapa: BaPA
) -> None:
    spec, model = tiny
    batch = spec.inputs(rows)
    with intervene(model, bapa):
        (got,) = rotary_positions(model, batch, spec.axes)
    for i, row in enumerate(rows):
        pad = int((batch["attention_mask"][i] == 0).sum())
        torch.testing.assert_close(
            got[:, i, pad:], torch.tensor(moved_by_hand(spec, row, bapa)).float()
        )


def test_a_row_in_a_batch_equals_the_row_alone(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    rows = [ONE, TWO, NONE, FIRST]
    with intervene(model, BaPA(0.5, "center"), AGCI(0.3)):
        together = torch.stack(generate(model, spec.inputs(rows)).logits, dim=1)
        for i, row in enumerate(rows):
            alone = torch.stack(generate(model, spec.inputs([row])).logits, dim=1)
            assert_same(together[i : i + 1], alone)


@pytest.mark.parametrize("run", [logits, generate])
def test_adjacent_images_are_two_images(run: Any) -> None:
    """In a forward call, which encodes its pictures, and in generate(), which did so before."""
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    row: Row = [3, "a", "b", 4]
    with intervene(model, BaPA()):
        (got,) = rotary_positions(model, spec.inputs([row]), 1, run)
    assert got[0, 0, :39].tolist() == [0, 1, 2, *[3] * 16, *[4] * 16, 5, 6, 7, 8]


def test_agci_with_one_mean_for_the_call_equals_the_formula(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    image = batch["input_ids"] == IMAGE
    stock = decoder_input(model, batch)
    with intervene(model, AGCI(0.7, scope="call")):
        got = decoder_input(model, batch)
    g = stock[image].sum(0) / image.sum()
    for token, moved in zip(stock[image], got[image], strict=True):
        cosine = token @ g / (token.norm() * g.norm())
        torch.testing.assert_close(moved, token + 0.7 * (1 - cosine) * g, atol=1e-5, rtol=1e-5)
    assert torch.equal(got[~image], stock[~image])


@pytest.mark.parametrize(
    "nothing", [[], [BaPA(strength=0)], [AGCI(0.0)], [BaPA(strength=0), AGCI(0.0)]], ids=str
)
def test_each_way_to_be_off_is_bit_identical(tiny: tuple[Tiny, Any], nothing: list[Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO, NONE])
    before, tokens, hooks = logits(model, batch), generate(model, batch), hooks_of(model)
    with intervene(model, *nothing):
        assert hooks_of(model) == hooks
        assert torch.equal(logits(model, batch), before)
        off = generate(model, batch)
    assert torch.equal(off.sequences, tokens.sequences)
    assert all(map(torch.equal, off.logits, tokens.logits))


def untouched(spec: Tiny, model: Any) -> list[Any]:
    """The hooks of a model that never was steered; a first run adds some of transformers' own."""
    new = spec.build(model.config.model_type)
    logits(new, spec.inputs([ONE]))
    return hooks_of(new)


def test_a_handle_may_be_removed_twice(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    stock = logits(model, batch)
    handle = intervene(model, *BOTH)
    assert not torch.equal(logits(model, batch), stock)
    handle.remove()
    handle.remove()
    assert hooks_of(model) == untouched(spec, model)
    assert torch.equal(logits(model, batch), stock)


def test_an_exception_takes_the_hooks_away(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    with pytest.raises(ZeroDivisionError), intervene(model, *BOTH):
        raise ZeroDivisionError
    assert hooks_of(model) == untouched(spec, model)


def test_an_exception_in_a_forward_pass_leaves_no_half_read_call(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    broken = {**taken_by(model, batch), "pixel_values": batch["pixel_values"][:1]}
    with intervene(model, BaPA()) as handle:
        with pytest.raises((RuntimeError, ValueError, IndexError)):
            model(**broken)
        assert handle._call is None
        steered = logits(model, batch)
    assert hooks_of(model) == untouched(spec, model)
    with intervene(model, BaPA()):
        assert torch.equal(logits(model, batch), steered)


def test_a_failed_attach_attaches_nothing(
    tiny: tuple[Tiny, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE])
    stock = logits(model, batch)

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(decoder_of(model).rotary_emb, "register_forward_pre_hook", fail)
        with pytest.raises(MemoryError):
            intervene(model, BaPA())
    assert hooks_of(model) == untouched(spec, model)
    assert torch.equal(logits(model, batch), stock)
    intervene(model, BaPA()).remove()


def test_one_handle_at_a_time(tiny: tuple[Tiny, Any]) -> None:
    _, model = tiny
    with intervene(model, BaPA()), pytest.raises(SteeringError, match="steered already"):
        intervene(model, AGCI(0.3))
    intervene(model, AGCI(0.3)).remove()


def test_gradients_reach_all_that_they_reach_without_steering(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = taken_by(model, spec.inputs([TWO]))

    def reached(*interventions: Any) -> set[str]:
        model.zero_grad()
        with intervene(model, *interventions):
            model(**batch, labels=batch["input_ids"]).loss.backward()
        found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        assert all(torch.isfinite(g).all() for g in found.values())
        return {name for name, g in found.items() if g.any()}

    stock = reached()
    assert any("vision" in name or "visual" in name for name in stock)
    assert stock == reached(BaPA()) == reached(AGCI(0.3)) == reached(*BOTH)


def test_a_family_without_a_row_is_steered_by_runs_of_image_tokens(
    tiny: tuple[Tiny, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    with intervene(model, *BOTH) as handle:
        want = logits(model, batch)
        assert handle.anatomy is not None
        assert handle.anatomy.architecture.status == "proven"
    monkeypatch.delitem(ARCHITECTURES, model.config.model_type)
    with intervene(model, *BOTH) as handle:
        assert torch.equal(logits(model, batch), want)
        assert handle.anatomy is not None
        assert handle.anatomy.architecture.status == "expected"
