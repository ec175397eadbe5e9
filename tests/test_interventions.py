"""The pure core against the papers' formulas, written out token by token."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmms_bapa.interventions import AGCI, REGISTRY, BaPA, Intervention, Tokens, register
from lmms_bapa.interventions.agci import inject_global_context
from lmms_bapa.steering.spans import image_segments, surplus_tokens

# A row is a list of (tokens, is_image) parts; two image parts may touch.
ROWS = st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=6)


def ids_and_lengths(rows: list[list[tuple[int, bool]]]) -> tuple[torch.Tensor, list[int]]:
    """Left-padded image mask of a batch, and the length of each image."""
    width = max(sum(n for n, _ in row) for row in rows)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, row in enumerate(rows):
        flat = [image for n, image in row for _ in range(n)]
        mask[i, width - len(flat) :] = torch.tensor(flat)
    return mask, [n for row in rows for n, image in row if image]


def tokens_of(rows: list[list[tuple[int, bool]]]) -> Tokens:
    mask, lengths = ids_and_lengths(rows)
    segment = image_segments(mask, lengths)
    width = mask.shape[1]
    index = torch.zeros(mask.shape, dtype=torch.long)
    for i, row in enumerate(rows):
        n = sum(n for n, _ in row)
        index[i, width - n :] = torch.arange(n)
    return Tokens(segment, mask, surplus_tokens(segment), index)


@given(st.lists(ROWS, min_size=1, max_size=4))
@settings(deadline=None)
def test_segments_number_the_images_in_reading_order(rows: list[Any]) -> None:
    mask, lengths = ids_and_lengths(rows)
    segment = image_segments(mask, lengths)
    want, number = [], 0
    for row in rows:
        line: list[int] = []
        for n, image in row:
            number += image
            line += [number if image else 0] * n
        want.append([0] * (mask.shape[1] - len(line)) + line)
    assert segment.tolist() == want


@given(st.lists(ROWS, min_size=1, max_size=4))
@settings(deadline=None)
def test_runs_are_segments_when_no_images_touch(rows: list[Any]) -> None:
    apart = [[part for p in row for part in (p, (1, False))] for row in rows]
    mask, lengths = ids_and_lengths(apart)
    assert torch.equal(image_segments(mask, None), image_segments(mask, lengths))


def test_lengths_that_do_not_fit_are_refused() -> None:
    mask = torch.tensor([[True, True, False], [False, True, True]])
    with pytest.raises(ValueError, match="4 image tokens in the prompt, but 5 image features"):
        image_segments(mask, [2, 3])
    with pytest.raises(ValueError, match="two rows"):
        image_segments(mask, [3, 1])


def test_row_breaks_belong_to_their_image() -> None:
    mask = torch.tensor([[False, True, True, False, True, True]])
    assert image_segments(mask, [4]).tolist() == [[0, 1, 1, 1, 1, 1]]
    assert image_segments(mask, [2, 2]).tolist() == [[0, 1, 1, 0, 2, 2]]


# An image as tiles of image tokens with a marker between them; text before each.
TILED = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.integers(1, 4), min_size=1, max_size=4)), max_size=3
)


@given(st.lists(TILED, min_size=1, max_size=3), st.booleans())
@settings(deadline=None)
def test_tiles_between_markers_are_one_image(rows: list[Any], opened: bool) -> None:
    """Told by an opening token, or by one before the last tile: t(ext), o(pening), l(ast)."""
    words, want, image = [], [], 0
    for row in rows:
        word, segment = "", []
        for text, tiles in row:
            image += 1
            inside = "m".join("i" * n for n in tiles[:-1])
            inside += ("m" if inside else "") + "i" * tiles[-1]
            before = "t" * text + "o"
            if not opened:  # the marker stands before the last tile, inside if there are others
                head = inside[: -tiles[-1]]
                before, inside = ("t" * text, head + "l" + "i" * tiles[-1])
                if not head:
                    before, inside = before + "l", inside[1:]
            word += before + inside
            segment += [0] * len(before) + [image] * len(inside)
        words.append(word + "t")
        want.append([*segment, 0])
    width = max(map(len, words))
    words = ["p" * (width - len(w)) + w for w in words]
    want = [[0] * (width - len(s)) + s for s in want]

    def where(letter: str) -> torch.Tensor:
        return torch.tensor([[c == letter for c in w] for w in words])

    markers = {"begins": where("o")} if opened else {"last": where("l")}
    assert image_segments(where("i"), None, **markers).tolist() == want


def test_tiles_without_their_opening_token_are_refused() -> None:
    is_image = torch.tensor([[False, True, False, True]])
    begins = torch.tensor([[False, False, True, False]])
    with pytest.raises(ValueError, match="before the token that opens an image"):
        image_segments(is_image, None, begins)


@given(st.lists(ROWS, min_size=1, max_size=4))
@settings(deadline=None)
def test_paper_positions_follow_the_papers_rule(rows: list[Any]) -> None:
    tokens = tokens_of(rows)
    got = BaPA().positions(tokens.index, tokens)
    for i, row in enumerate(rows):
        want: list[int] = []
        p = 0
        for n, image in row:
            want += [p] * n if image else list(range(p, p + n))
            p += 1 if image else n
        assert got[i, got.shape[1] - len(want) :].tolist() == want


@given(st.lists(ROWS, min_size=1, max_size=3), st.floats(0, 1), st.integers(1, 3))
@settings(deadline=None)
def test_anchored_positions_leave_the_text_and_stay_inside_the_image(
    rows: list[Any], anchor: float, axes: int
) -> None:
    tokens = tokens_of(rows)
    generator = torch.Generator().manual_seed(0)
    stock = torch.randint(0, 50, (axes, *tokens.index.shape), generator=generator)
    got = BaPA(anchor=anchor).positions(stock, tokens)
    middle = BaPA(anchor="center").positions(stock, tokens)
    for axis in range(axes):
        for k in range(1, int(tokens.segment.max()) + 1):
            here = tokens.segment == k
            old = stock[axis][here].double()
            place = old.min() + anchor * (old.max() - old.min())
            assert got[axis][here].tolist() == pytest.approx([place.item()] * len(old), abs=1e-4)
            assert middle[axis][here].tolist() == pytest.approx(
                [old.mean().item()] * len(old), abs=1e-4
            )
        text = tokens.segment == 0
        assert torch.equal(got[axis][text], stock[axis][text].float())


@given(st.lists(ROWS, min_size=1, max_size=3), st.floats(0, 1))
@settings(deadline=None)
def test_strength_is_a_straight_line_from_stock_to_balanced(rows: list[Any], s: float) -> None:
    tokens = tokens_of(rows)
    for anchor in ("paper", "center"):
        full = BaPA(anchor=anchor).positions(tokens.index, tokens).double()
        part = BaPA(s, anchor).positions(tokens.index, tokens).double()
        torch.testing.assert_close(
            part, tokens.index + s * (full - tokens.index), atol=1e-4, rtol=0
        )


@given(st.integers(1, 12), st.integers(1, 8), st.floats(0, 3), st.integers(0, 99))
@settings(deadline=None)
def test_agci_has_the_properties_that_follow_from_its_formula(
    n: int, d: int, lambda_: float, seed: int
) -> None:
    v = torch.randn(
        n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).float()
    one = torch.ones(n, dtype=torch.long)
    out = inject_global_context(v, one, lambda_).double()
    g = v.double().mean(0)
    cosine = torch.nn.functional.cosine_similarity(v.double(), g[None], dim=-1)
    want = v.double() + lambda_ * (1 - cosine)[:, None] * g
    torch.testing.assert_close(out, want, atol=1e-4, rtol=1e-4)
    # The mean keeps its direction and grows by 1 + λ·mean(1 - cos).
    torch.testing.assert_close(
        out.mean(0), (1 + lambda_ * (1 - cosine).mean()) * g, atol=1e-4, rtol=1e-4
    )
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        inject_global_context(v[order], one, lambda_), out[order].float(), atol=1e-4, rtol=1e-4
    )


def test_agci_statistics_are_fp32_in_low_precision() -> None:
    v = torch.randn(500, 64, generator=torch.Generator().manual_seed(0)) + 3
    exact = inject_global_context(v, torch.ones(500, dtype=torch.long), 0.5)
    low = inject_global_context(v.bfloat16(), torch.ones(500, dtype=torch.long), 0.5)
    assert low.dtype == torch.bfloat16
    # One rounding of the input and one of the output, and nothing that grows with the 500 tokens.
    torch.testing.assert_close(low.float(), exact, atol=0.02, rtol=0.02)


def test_images_do_not_touch_each_other_and_text_stays() -> None:
    tokens = tokens_of([[(2, False), (3, True), (1, False), (4, True)]])
    x = torch.randn(1, 10, 5, generator=torch.Generator().manual_seed(0))
    stock = x.clone()
    out = AGCI(0.8).embeddings(x, tokens)
    alone = inject_global_context(x[0, 2:5], torch.ones(3), 0.8)
    torch.testing.assert_close(out[0, 2:5], alone)
    text = tokens.segment == 0
    assert torch.equal(out[text], x[text])
    assert torch.equal(x, stock)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, "0.3", None, True])
def test_lambda_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^AGCI: lambda must be a number >= 0, got"):
        AGCI(value)


@pytest.mark.parametrize("value", [math.nan, 1.01, -0.01, "1", None, True])
def test_strength_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^BaPA: strength must be a number in \[0, 1\], got"):
        BaPA(strength=value)


@pytest.mark.parametrize("value", [1.5, -1, math.nan, "middle", None, True])
def test_unknown_anchor_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^BaPA: anchor must be"):
        BaPA(anchor=value)


def test_unknown_scope_is_refused() -> None:
    with pytest.raises(ValueError, match="'image' or 'call'"):
        AGCI(0.3, scope="batch")


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        BaPA().strength = 0.5  # type: ignore[misc]


def test_the_registry_knows_each_method_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert REGISTRY["bapa"] is BaPA
    assert REGISTRY["agci"] is AGCI
    monkeypatch.setattr("lmms_bapa.interventions.registry.REGISTRY", dict(REGISTRY))

    class Other(Intervention):
        name = "bapa"

    with pytest.raises(ValueError, match="two interventions"):
        register(Other)
