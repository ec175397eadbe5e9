"""What goes on top of vLLM's model classes, on a stand-in for one; engines are in tests/vllm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lmms_bapa.interventions import AGCI, BaPA, Intervention, Tokens
from lmms_bapa.interventions.agci import inject_global_context
from lmms_bapa.steering.errors import SteeringError, UnsupportedModelError
from lmms_bapa.steering.spans import image_segments, surplus_tokens
from lmms_bapa.vllm import TESTED, VARIABLE, models
from lmms_bapa.vllm.settings import to_text
from lmms_bapa.vllm.steered import Steered
from lmms_bapa.vllm.tokens import prompt_tokens

WIDTH = 6


@dataclass
class Place:
    """vLLM's ``PlaceholderRange``."""

    offset: int
    length: int
    is_embed: Tensor | None = None


def feature(offset: int, length: int, is_embed: Sequence[int] | None = None, kind: str = "image"):
    mask = None if is_embed is None else torch.tensor(is_embed, dtype=torch.bool)
    return SimpleNamespace(modality=kind, mm_position=Place(offset, length, mask))


class PlainRotaryEmbedding(torch.nn.Module):
    """Named as vLLM's are."""


class Stock:
    """Stands for a model class of vLLM: it tells what it was asked with."""

    decoder: torch.nn.Module = torch.nn.ModuleList([PlainRotaryEmbedding()])

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        self.prefix = prefix

    def get_language_model(self) -> torch.nn.Module:
        return self.decoder

    def embed_multimodal(self, **kwargs: Any) -> Any:
        return kwargs.get("pictures")

    def embed_input_ids(self, input_ids: Tensor, parts: Any = None, **kwargs: Any) -> Any:
        return input_ids, parts, kwargs

    def get_mrope_input_positions(self, ids: Sequence[int], features: Any) -> tuple[Tensor, int]:
        # As M-RoPE does it: pictures take less room than they have tokens.
        return torch.stack([torch.arange(len(ids)) // 2] * 3), -3

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs


class OneAxis(Steered, Stock):
    lmms_bapa_axes = 1


class ThreeAxes(Steered, Stock):
    lmms_bapa_axes = 3


def build(monkeypatch: pytest.MonkeyPatch, kind: type[Steered], *wanted: Intervention) -> Any:
    monkeypatch.setenv(VARIABLE, to_text(wanted))
    config = SimpleNamespace(model_config=SimpleNamespace(get_hidden_size=lambda: WIDTH))
    return kind(vllm_config=config, prefix="here")


def random_picture(tokens: int, columns: int = WIDTH) -> Tensor:
    return torch.randn(tokens, columns, generator=torch.Generator().manual_seed(tokens))


def test_a_mask_tells_pictures_from_what_stands_between() -> None:
    features = [feature(1, 5, [0, 1, 0, 1, 0]), feature(8, 2)]
    tokens = prompt_tokens(11, features)
    assert tokens.segment.tolist() == [[0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 0]]
    assert tokens.visual.tolist() == [
        [False, False, True, False, True] + [False] * 3 + [True] * 2 + [False]
    ]
    assert tokens.surplus.tolist() == [[0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3]]
    assert tokens.index.tolist() == [list(range(11))]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=4), st.integers(0, 3))
def test_images_are_found_where_the_token_ids_have_them(
    images: list[tuple[int, int]], rest: int
) -> None:
    ids: list[int] = []
    features = []
    for text, length in images:
        ids += [7] * (text + 1)  # two images never touch, so runs tell them apart
        features.append(feature(len(ids), length))
        ids += [9] * length
    ids += [7] * (rest + 1)
    is_image = torch.tensor([ids]) == 9
    tokens = prompt_tokens(len(ids), features)
    assert torch.equal(tokens.segment, image_segments(is_image))
    assert torch.equal(tokens.visual, is_image)
    assert torch.equal(tokens.surplus, surplus_tokens(image_segments(is_image)))


def test_videos_are_no_pictures() -> None:
    with pytest.raises(SteeringError, match="video: only still pictures"):
        prompt_tokens(5, [feature(1, 2, kind="video")])


def test_positions_by_hand_on_one_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, OneAxis, BaPA())
    features = [feature(1, 3), feature(5, 2)]
    positions, delta = model.get_mrope_input_positions([0] * 9, features)
    assert positions.tolist() == [[0, 1, 1, 1, 2, 3, 3, 4, 5]] * 3
    assert delta == -3  # the tenth token has position 6
    assert positions.dtype == torch.long


def test_positions_by_hand_on_three_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, ThreeAxes, BaPA())
    positions, delta = model.get_mrope_input_positions([0] * 6, [feature(0, 4)])
    assert positions.tolist() == [[0, 0, 0, 0, 1, 2]] * 3
    assert delta == -3


def test_a_prompt_of_text_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    one = build(monkeypatch, OneAxis, BaPA()).get_mrope_input_positions([0] * 4, [])
    assert (one[0].tolist(), one[1]) == ([[0, 1, 2, 3]] * 3, 0)


@pytest.mark.parametrize("kind", [OneAxis, ThreeAxes])
def test_an_agci_engine_asks_for_stock_positions(
    monkeypatch: pytest.MonkeyPatch, kind: type[Steered]
) -> None:
    model = build(monkeypatch, kind, AGCI(1))
    positions, delta = model.get_mrope_input_positions([0] * 4, [feature(0, 3)])
    if kind is ThreeAxes:
        assert (positions.tolist(), delta) == ([[0, 0, 1, 1]] * 3, -3)
    else:
        assert (positions.tolist(), delta) == ([[0, 1, 2, 3]] * 3, 0)


@pytest.mark.parametrize("as_one", [True, False])
def test_each_picture_gets_its_own_mean(monkeypatch: pytest.MonkeyPatch, as_one: bool) -> None:
    model = build(monkeypatch, OneAxis, AGCI(0.7))
    pictures: Any = [random_picture(4), random_picture(4) + 1]
    wanted = [inject_global_context(p, torch.ones(4), 0.7) for p in pictures]
    found = model.embed_multimodal(pictures=torch.stack(pictures) if as_one else pictures)
    assert len(found) == 2
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_columns_for_deeper_layers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, ThreeAxes, AGCI(0.7))
    picture = random_picture(5, 3 * WIDTH)
    (found,) = model.embed_multimodal(pictures=[picture])
    assert torch.equal(found[:, WIDTH:], picture[:, WIDTH:])
    wanted = inject_global_context(picture[:, :WIDTH], torch.ones(5), 0.7)
    torch.testing.assert_close(found[:, :WIDTH], wanted, rtol=0, atol=0)


def test_no_pictures_are_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build(monkeypatch, OneAxis, AGCI(1)).embed_multimodal() is None


def test_one_axis_arrives_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = torch.arange(12).view(3, 4)
    moved = build(monkeypatch, OneAxis, BaPA())
    args, kwargs = moved.forward(None, positions, None, "embeds", extra=1)
    assert args[1].tolist() == [0, 1, 2, 3]
    assert (args[3], kwargs) == ("embeds", {"extra": 1})
    three = build(monkeypatch, ThreeAxes, BaPA())
    assert three.forward(None, positions)[0][1] is positions
    plain = build(monkeypatch, OneAxis, AGCI(1))
    assert plain.forward(None, positions[0])[0][1].ndim == 1


def test_plain_positions_stop_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SteeringError, match="did not ask for the positions"):
        build(monkeypatch, OneAxis, BaPA()).forward(None, torch.arange(4))


def test_parts_of_what_was_handed_over_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, OneAxis, AGCI(1))
    kept = model.embed_multimodal(pictures=[random_picture(5), random_picture(3)])
    ids = torch.zeros(4)
    for parts in ([kept[0][1:3]], [kept[1], kept[0][4:]], []):
        assert model.embed_input_ids(ids, parts, is_multimodal=True) == (
            ids,
            parts,
            {"is_multimodal": True},
        )


def test_tokens_that_went_past_us_stop_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, OneAxis, AGCI(1))
    kept = model.embed_multimodal(pictures=[random_picture(5)])
    with pytest.raises(SteeringError, match="past the intervention"):
        model.embed_input_ids(torch.zeros(4), [kept[0], random_picture(5)])


def test_memory_that_was_ours_and_is_anothers_now_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, OneAxis, AGCI(1))
    kept = model.embed_multimodal(pictures=[random_picture(5)])
    (note,) = model._made.values()
    del kept  # the cache let go of it
    stranger = random_picture(5)
    model._made = {stranger.untyped_storage().data_ptr(): note}  # it lies where ours was
    with pytest.raises(SteeringError, match="past the intervention"):
        model.embed_input_ids(torch.zeros(4), [stranger])
    model.embed_multimodal(pictures=[random_picture(3)])
    assert note not in model._made.values()  # nothing piles up


def test_a_request_that_was_never_placed_stops_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, ThreeAxes, BaPA())
    kept = model.embed_multimodal(pictures=[random_picture(4)])
    with pytest.raises(SteeringError, match="past the intervention"):
        model.embed_input_ids(torch.zeros(4), kept)
    model.get_mrope_input_positions([0] * 4, [feature(0, 4)])
    model.embed_input_ids(torch.zeros(4), kept)


def test_a_decoder_without_rotary_positions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Learned(OneAxis):
        decoder = torch.nn.ModuleList([torch.nn.Embedding(4, 4)])

    build(monkeypatch, Learned)  # off, it is the stock model
    with pytest.raises(UnsupportedModelError, match="no rotary position embedding"):
        build(monkeypatch, Learned, BaPA())


def test_a_log_tells_what_an_engine_is_steered_by(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "vllm.lmms_bapa"):
        build(monkeypatch, OneAxis, AGCI(0.3))
    assert caplog.messages == ["steered by AGCI(lambda_=0.3, scope='image')"]


def test_what_vllm_learnt_of_our_classes_is_not_kept_for_another_version() -> None:
    assert models.MADE_FOR == TESTED  # it keeps it until that file changes


def test_off_hands_everything_through(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, ThreeAxes)
    pictures, positions = [random_picture(4)], torch.arange(4)
    assert model.lmms_bapa_settings == ""
    assert model.embed_multimodal(pictures=pictures) is pictures
    assert model.embed_input_ids(positions, pictures)[1] is pictures
    assert model.forward(None, positions)[0][1] is positions
    stock, delta = model.get_mrope_input_positions([0] * 4, [feature(0, 4)])
    assert (stock.tolist(), delta) == ([[0, 0, 1, 1]] * 3, -3)


def test_an_engine_keeps_what_it_was_built_with(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(monkeypatch, OneAxis, AGCI(1))
    monkeypatch.setenv(VARIABLE, to_text([AGCI(9)]))
    assert model.lmms_bapa_settings == to_text([AGCI(1)])
    picture = random_picture(4)
    (found,) = model.embed_multimodal(pictures=[picture])
    torch.testing.assert_close(found, inject_global_context(picture, torch.ones(4), 1))


@dataclass(frozen=True)
class TextApart(Intervention):
    """Not in a paper: the text behind images moves away from them."""

    name = "text_apart"

    def positions(self, stock: Tensor, tokens: Tokens) -> Tensor:
        return stock + (tokens.segment == 0) * tokens.surplus * 2


@pytest.mark.parametrize(("kind", "wanted"), [(OneAxis, [0, 1, 2]), (ThreeAxes, [0, 0, 1])])
def test_decoding_goes_on_where_the_method_says(
    monkeypatch: pytest.MonkeyPatch, kind: type[Steered], wanted: list[int]
) -> None:
    """What decoding adds is the method's own word for the next token, whatever its formula is."""
    model = build(monkeypatch, kind, BaPA())
    model._active = (TextApart(),)
    positions, delta = model.get_mrope_input_positions([0] * 3, [feature(1, 2)])
    assert positions[0].tolist() == wanted
    stock = 3 if kind is OneAxis else 3 - 3
    assert 3 + delta == stock + 2
