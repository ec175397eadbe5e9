"""AGCI whose strength is spread over the inputs of decoder layers, and how it reaches them."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from lmms_bapa import AGCI, BaPA, DepthAGCI
from lmms_bapa.interventions import Intervention, Tokens
from lmms_bapa.interventions.agci_depth import shares
from lmms_bapa.steering import SteeringError, UnsupportedModelError, intervene

from .steering_tools import (
    NEW,
    ONE,
    TWO,
    assert_same,
    beam_scores,
    generate,
    hooks_of,
    layer_inputs,
    logits,
    pictures_of,
)
from .tiny import TINY, Tiny
from .tiny.spec import IMAGE, decoder_of


@pytest.mark.parametrize(
    ("schedule", "layers", "want"),
    [
        ("even", 4, [0.25, 0.25, 0.25, 0.25]),
        ("falling", 3, [3 / 6, 2 / 6, 1 / 6]),
        ("rising", 3, [1 / 6, 2 / 6, 3 / 6]),
        ("falling", 1, [1.0]),
    ],
)
def test_the_shares_of_a_schedule(schedule: str, layers: int, want: list[float]) -> None:
    assert shares(schedule, layers) == pytest.approx(want)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((-1, 2), "lambda must be a number >= 0, got -1"),
        ((math.nan, 2), "lambda must be a number >= 0"),
        ((0.3, 0), "layers must be a whole number >= 1, got 0"),
        ((0.3, 1.5), "layers must be a whole number >= 1, got 1.5"),
        ((0.3, True), "layers must be a whole number"),
        ((0.3, 2, "steep"), "schedule must be one of even, falling, rising, got 'steep'"),
    ],
)
def test_a_schedule_out_of_range_is_refused(arguments: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        DepthAGCI(*arguments)


def test_more_layers_than_there_are_is_refused_and_nothing_is_left(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    stock, hooks = logits(model, spec.inputs([ONE])), hooks_of(model)
    with pytest.raises(UnsupportedModelError, match="layers is 3, but the decoder has 2"):
        intervene(model, DepthAGCI(0.3, 3))
    assert hooks_of(model) == hooks
    assert torch.equal(logits(model, spec.inputs([ONE])), stock)


def test_a_decoder_whose_layers_cannot_be_found_is_refused(
    tiny: tuple[Tiny, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, model = tiny
    logits(model, spec.inputs([ONE]))
    hooks = hooks_of(model)
    monkeypatch.setattr(decoder_of(model).config.get_text_config(), "num_hidden_layers", 5)
    with pytest.raises(UnsupportedModelError, match=r"the layers of its decoder \w+ cannot be"):
        intervene(model, DepthAGCI(0.3, 2))
    assert hooks_of(model) == hooks
    intervene(model, AGCI(0.3)).remove()


def layers_with_hooks(model: Any) -> list[int]:
    layers = decoder_of(model).layers
    return [i for i, layer in enumerate(layers) if layer._forward_pre_hooks]


def test_only_layers_that_are_changed_get_a_hook(tiny: tuple[Tiny, Any]) -> None:
    _, model = tiny
    for methods, want in (
        ([BaPA(), AGCI(0.3)], []),
        ([DepthAGCI(0.3, 1)], []),
        ([DepthAGCI(0.0, 2)], []),
        ([DepthAGCI(0.3, 2), BaPA()], [1]),
    ):
        with intervene(model, *methods):
            assert layers_with_hooks(model) == want
    assert layers_with_hooks(model) == []


def test_decoding_with_a_cache_equals_a_recompute(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([TWO])
    # Old versions of transformers search wrongly with beams in some stock models.
    searches_right = torch.isclose(*beam_scores(spec, model, TWO, beams=2), atol=1e-4)
    with intervene(model, DepthAGCI(0.8, 2)):
        cached = generate(model, batch)
        whole = logits(model, spec.extended(batch, cached.sequences[:, :-1]))
        assert_same(torch.stack(cached.logits, dim=1), whole[:, -NEW:])
        if searches_right:
            assert_same(*beam_scores(spec, model, TWO, beams=2))


def test_an_exception_in_a_layer_leaves_nothing(
    tiny: tuple[Tiny, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, model = tiny
    stock, hooks = logits(model, spec.inputs([ONE])), hooks_of(model)

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(DepthAGCI, "layer_embeddings", fail)
        with intervene(model, DepthAGCI(0.3, 2)) as handle:
            with pytest.raises(ZeroDivisionError):
                logits(model, spec.inputs([ONE]))
            assert handle._call is None
    assert hooks_of(model) == hooks
    assert torch.equal(logits(model, spec.inputs([ONE])), stock)


def test_gradient_checkpointing_is_refused_where_it_would_run_past_the_hooks() -> None:
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    model.gradient_checkpointing_enable()
    batch = spec.inputs([ONE])
    with intervene(model.train(), DepthAGCI(0.3, 2)):
        with pytest.raises(SteeringError, match="gradient checkpointing"):
            model(**batch)
        model.eval()(**batch)


def test_gradients_are_those_of_the_formula_written_into_the_model() -> None:
    """Training inside the block: the same loss gradient as from a model that injects itself."""
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    batch = spec.inputs([TWO])

    def gradient() -> Tensor:
        model.zero_grad()
        model(**batch, labels=batch["input_ids"]).loss.backward()
        found = model.get_input_embeddings().weight.grad
        assert found is not None
        return found.clone()

    with intervene(model, DepthAGCI(0.6, 2)):
        got = gradient()
    pictures = pictures_of(spec, [TWO], batch)

    def inject(_: Any, args: Any) -> Any:
        out = args[0].clone()
        for row, places in pictures:
            v = args[0][row, places]
            g = v.mean(0)
            cosine = (v @ g) / (v.norm(dim=-1) * g.norm())
            out[row, places] = v + 0.3 * (1 - cosine)[:, None] * g
        return (out, *args[1:])

    handles = [layer.register_forward_pre_hook(inject) for layer in decoder_of(model).layers]
    want = gradient()
    for handle in handles:
        handle.remove()
    assert not torch.allclose(got, gradient(), atol=1e-5)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)


@dataclass(frozen=True)
class Marked(Intervention):
    """Adds to every image token a number that tells the layer."""

    name: ClassVar[str] = "marked"
    only: tuple[int, ...] | None = None

    def acting_layers(self, count: int) -> Collection[int]:
        return super().acting_layers(count) if self.only is None else self.only

    def layer_embeddings(self, x: Tensor, tokens: Tokens, layer: int, count: int) -> Tensor:
        assert count == 2
        return torch.where(tokens.visual.unsqueeze(-1), x + 1 + layer, x)


@pytest.mark.parametrize(("only", "added"), [(None, [1, 2]), ((0,), [1, 0])])
def test_a_method_of_ones_own_sees_the_layers_it_asks_for(
    tiny: tuple[Tiny, Any], only: Any, added: list[int]
) -> None:
    spec, model = tiny
    batch = spec.inputs([ONE, TWO])
    stock = layer_inputs(model, batch)
    with intervene(model, Marked(only)):
        got = layer_inputs(model, batch)
    image = batch["input_ids"] == IMAGE
    torch.testing.assert_close(got[0][image], stock[0][image] + added[0])
    assert torch.equal(got[0][~image], stock[0][~image])
    if only is not None:  # the second layer's input follows from the first's alone
        with intervene(model, Marked((0, 1))):
            both = layer_inputs(model, batch)
        torch.testing.assert_close(both[1][image], got[1][image] + 2)
