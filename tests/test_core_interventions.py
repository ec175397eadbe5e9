"""The rules that every intervention shares, and the formulas at their edges, by hand."""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar

import pytest
import torch

from lmms_bapa.interventions import AGCI, AutoAGCI, BaPA, DepthAGCI, Intervention, Tokens
from lmms_bapa.interventions.agci_auto import agreement
from lmms_bapa.interventions.base import check_together, image_mean, require_number
from lmms_bapa.interventions.registry import REGISTRY, register


def tokens_of(segment: list[list[int]], visual: list[list[int]] | None = None) -> Tokens:
    """Tokens by the number of their image; ``visual`` where row breaks belong to an image."""
    numbers = torch.tensor(segment)
    proper = numbers > 0 if visual is None else torch.tensor(visual) > 0
    inside = torch.zeros_like(numbers)
    inside[:, 1:] = (numbers[:, 1:] > 0) & (numbers[:, 1:] == numbers[:, :-1])
    index = torch.arange(numbers.shape[1]).expand_as(numbers)
    return Tokens(numbers, proper, inside.cumsum(1), index)


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 0.5])
def test_a_number_in_range_is_taken_as_it_is(value: float) -> None:
    require_number("M", "x", value, 0, 1)
    assert BaPA(value).strength == value
    assert AGCI(value + 1e300).lambda_ == value + 1e300


@pytest.mark.parametrize("value", [-1e-9, 1 + 1e-9, math.nan, math.inf, "1", None, True, 1j, [1]])
def test_a_number_out_of_range_is_one_line(value: Any) -> None:
    told = f"M: x must be a number in [0, 1], got {value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        require_number("M", "x", value, 0, 1)
    if value != 1 + 1e-9:
        told = f"M: x must be a number >= 0, got {value!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
            require_number("M", "x", value, 0, math.inf)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (lambda: AGCI(-1), "AGCI: lambda must be a number >= 0, got -1"),
        (lambda: DepthAGCI(-1, 2), "AGCI by depth: lambda must be a number >= 0, got -1"),
        (lambda: BaPA(2), "BaPA: strength must be a number in [0, 1], got 2"),
        (lambda: BaPA(anchor=2), "BaPA: anchor must be a number in [0, 1], got 2"),
        (lambda: BaPA(anchor=-1), "BaPA: anchor must be a number in [0, 1], got -1"),
    ],
)
def test_a_setting_out_of_range_names_its_method(settings: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        settings()


@pytest.mark.parametrize(
    "method",
    [
        *(AGCI(0), AGCI(7.5, scope="call"), DepthAGCI(0, 1), DepthAGCI(9, 1, "rising")),
        *(BaPA(0), BaPA(1), BaPA(anchor=0), BaPA(anchor=1), BaPA(anchor="center")),
    ],
    ids=repr,
)
def test_the_ends_of_a_range_are_allowed_and_off_is_the_identity(method: Intervention) -> None:
    off = {AGCI(0), DepthAGCI(0, 1), BaPA(0)}
    assert method.is_identity == (method in off)


def test_what_acts_together() -> None:
    check_together([])
    check_together([BaPA(), AGCI(0.3)])
    with pytest.raises(ValueError, match=r"^agci is given twice: which one should act\?$"):
        check_together([AGCI(0.3), BaPA(), AGCI(0.5)])
    with pytest.raises(ValueError, match=r"^bapa is given twice: which one should act\?$"):
        check_together([BaPA(), BaPA(0.5)])
    told = r"^agci_auto and agci are two forms of one method: which one should act\?$"
    with pytest.raises(ValueError, match=told):
        check_together([AutoAGCI(), BaPA(), AGCI(0.3)])


@pytest.mark.parametrize(
    ("method", "name", "main", "alias", "family"),
    [
        (BaPA, "bapa", None, None, None),
        (AGCI, "agci", "lambda_", None, "agci"),
        (AutoAGCI, "agci_auto", None, ("agci_lambda", "auto"), "agci"),
        (DepthAGCI, "agci_depth", "lambda_", None, "agci"),
    ],
)
def test_what_the_command_line_calls_a_method(
    method: type[Intervention], name: str, main: str | None, alias: Any, family: str | None
) -> None:
    assert REGISTRY[name] is method
    assert (method.main, method.alias, method.family) == (main, alias, family)


def test_the_papers_forms_are_the_defaults() -> None:
    assert BaPA() == BaPA(strength=1.0, anchor="paper")
    assert AGCI(0.3) == AGCI(0.3, scope="image")
    assert DepthAGCI(0.3, 2) == DepthAGCI(0.3, 2, schedule="even")


class Still(Intervention):
    """Does nothing."""

    name: ClassVar[str] = "still"


def test_what_a_method_leaves_out_changes_nothing() -> None:
    x, tokens = torch.ones(1, 2, 3), tokens_of([[0, 1]])
    still = Still()
    assert still.positions(x, tokens) is x
    assert still.embeddings(x, tokens) is x
    assert still.layer_embeddings(x, tokens, 0, 2) is x
    assert list(still.acting_layers(3)) == [0, 1, 2]
    assert still.is_identity is False
    assert (Still.main, Still.alias, Still.family) == (None, None, None)


def test_a_method_acts_where_it_says_more_than_nothing() -> None:
    def acts(method: type[Intervention]) -> tuple[bool, bool, bool]:
        return method.moves_positions(), method.changes_embeddings(), method.changes_layers()

    assert acts(Still) == (False, False, False)
    assert acts(BaPA) == (True, False, False)
    assert acts(AGCI) == acts(AutoAGCI) == (False, True, False)
    assert acts(DepthAGCI) == (False, True, True)


def test_tokens_go_to_another_device_together() -> None:
    tokens = tokens_of([[0, 1, 1]])
    assert tokens.to(torch.device("cpu")) is tokens
    moved = tokens.to(torch.device("meta"))
    assert all(t.is_meta for t in (moved.segment, moved.visual, moved.surplus, moved.index))
    assert moved.visual.dtype == torch.bool


def test_registering_enters_and_returns_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, type[Intervention]] = {}
    monkeypatch.setattr("lmms_bapa.interventions.registry.REGISTRY", known)
    assert register(Still) is Still
    assert known == {"still": Still}
    assert "still" not in REGISTRY


def test_the_mean_of_each_image_at_each_of_its_tokens() -> None:
    values = torch.tensor([[1.0, 10], [2, 20], [6, 60], [4, 40]], dtype=torch.float64)
    got = image_mean(values, torch.tensor([7, -2, 7, 9]))
    assert got.tolist() == [[3.5, 35], [2, 20], [3.5, 35], [4, 40]]
    assert got.dtype == torch.float64
    assert image_mean(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0, 3)


def test_an_image_whose_tokens_disagree_has_strength_0() -> None:
    # g = (8/3, 0): one token points along it, two against; the mean cosine is -1/3.
    v = torch.tensor([[10.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    assert agreement(v, torch.ones(3)).tolist() == [[0.0]] * 3


def test_the_strength_of_an_image_is_never_above_1() -> None:
    # In fp32 the cosine of these tokens with themselves comes out above 1.
    v = torch.randn(1, 5, generator=torch.Generator().manual_seed(0)).expand(7, 5)
    assert float(agreement(v, torch.ones(7)).max()) <= 1


@pytest.mark.parametrize("schedule", ["falling", "rising", "even"])
def test_each_layer_injects_its_share(schedule: str) -> None:
    share = {"falling": [0.75, 0.5, 0.25], "rising": [0.25, 0.5, 0.75], "even": [0.5] * 3}
    x = torch.tensor([[[3.0, 4.0], [1.0, 0.0], [5.0, 5.0]]])
    tokens = tokens_of([[1, 1, 0]])
    method = DepthAGCI(1.5, 3, schedule)
    assert list(method.acting_layers(3)) == [1, 2]
    for layer, part in enumerate(share[schedule]):
        got = (
            method.layer_embeddings(x, tokens, layer, 3) if layer else method.embeddings(x, tokens)
        )
        want = AGCI(part).embeddings(x, tokens)
        torch.testing.assert_close(got, want)
        assert not torch.equal(got, x)


def test_a_schedule_needs_as_many_layers() -> None:
    told = "AGCI by depth: layers is 4, but the decoder has 3: give a smaller number"
    with pytest.raises(ValueError, match=f"^{told}$"):
        DepthAGCI(0.3, 4).acting_layers(3)


def test_row_breaks_take_part_in_places_and_not_in_injection() -> None:
    tokens = tokens_of([[1, 1, 1, 0]], visual=[[1, 0, 1, 0]])
    x = torch.tensor([[[2.0, 0.0], [9.0, 9.0], [0.0, 2.0], [7.0, 7.0]]])
    cosine = 1 / math.sqrt(2)  # g = (1, 1)
    more = 0.4 * (1 - cosine)
    want = torch.tensor([[[2 + more, more], [9.0, 9.0], [more, 2 + more], [7.0, 7.0]]])
    for method in (AGCI(0.4), AGCI(0.4, scope="call")):
        torch.testing.assert_close(method.embeddings(x, tokens), want)
    moved = BaPA(anchor="center").positions(tokens.index, tokens)
    assert moved.tolist() == [[1.0, 1.0, 1.0, 3.0]]


def test_one_mean_for_the_call_or_one_for_each_image() -> None:
    tokens = tokens_of([[1, 0], [2, 0]])
    x = torch.tensor([[[2.0, 0.0], [5.0, 5.0]], [[0.0, 2.0], [5.0, 5.0]]])
    assert torch.equal(AGCI(0.4).embeddings(x, tokens), x)  # each is its own mean
    more = 0.4 * (1 - 1 / math.sqrt(2))
    got = AGCI(0.4, scope="call").embeddings(x, tokens)
    torch.testing.assert_close(got[:, 0], torch.tensor([[2 + more, more], [more, 2 + more]]))


# Two rows; one image of three tokens in the first, two of two tokens in the second.
ROWS = [[0, 1, 1, 1, 0, 0], [2, 2, 0, 3, 3, 0]]


@pytest.mark.parametrize(
    ("anchor", "want"),
    [
        ("paper", [[0, 1, 1, 1, 2, 3], [0, 0, 1, 2, 2, 3]]),
        ("center", [[0, 2, 2, 2, 4, 5], [0.5, 0.5, 2, 3.5, 3.5, 5]]),
        (0, [[0, 1, 1, 1, 4, 5], [0, 0, 2, 3, 3, 5]]),
        (0.25, [[0, 1.5, 1.5, 1.5, 4, 5], [0.25, 0.25, 2, 3.25, 3.25, 5]]),
        (1, [[0, 3, 3, 3, 4, 5], [1, 1, 2, 4, 4, 5]]),
    ],
)
@pytest.mark.parametrize("shape", [(1, 6), (2, 6), (3, 1, 6), (3, 2, 6)], ids=str)
def test_places_by_hand_for_every_shape_of_the_positions(
    anchor: Any, want: list[list[float]], shape: tuple[int, ...]
) -> None:
    tokens = tokens_of(ROWS)
    stock = torch.arange(6).expand(shape)
    full = torch.tensor(want, dtype=torch.float)
    for strength in (1.0, 0.5):
        got = BaPA(strength, anchor).positions(stock, tokens)
        assert got.shape == (*shape[:-2], 2, 6)
        place = torch.arange(6) + strength * (full - torch.arange(6))
        for axis in got.reshape(-1, 2, 6):
            assert axis.tolist() == place.tolist()


def test_axes_are_placed_apart() -> None:
    tokens = tokens_of([[0, 1, 1, 1]])
    stock = torch.tensor([[[0, 1, 1, 1]], [[0, 1, 2, 6]]])
    assert BaPA(anchor="center").positions(stock, tokens).tolist() == [
        [[0, 1, 1, 1]],
        [[0, 3, 3, 3]],
    ]
    assert BaPA(anchor=0.5).positions(stock, tokens)[1].tolist() == [[0, 3.5, 3.5, 3.5]]


def test_the_papers_places_are_whole_numbers_as_the_stock_ones_are() -> None:
    tokens = tokens_of(ROWS)
    assert BaPA().positions(tokens.index, tokens).dtype == tokens.index.dtype == torch.int64


@pytest.mark.parametrize("anchor", ["center", 0, 0.25, 1])
def test_places_move_with_all_positions(anchor: Any) -> None:
    tokens, stock = tokens_of(ROWS), torch.arange(6).expand(2, 6)
    there = BaPA(anchor=anchor).positions(stock - 64, tokens)
    assert there.tolist() == (BaPA(anchor=anchor).positions(stock, tokens) - 64).tolist()


@pytest.mark.parametrize("anchor", ["paper", "center", 0.5])
def test_without_an_image_nothing_moves(anchor: Any) -> None:
    tokens = tokens_of([[0, 0, 0]])
    stock = torch.arange(3).expand(1, 3)
    got = BaPA(anchor=anchor).positions(stock, tokens)
    assert got.tolist() == [[0, 1, 2]]
