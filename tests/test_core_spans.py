"""The official code's stretch over a batch of several rows, and where its tensors lie."""

from __future__ import annotations

import pytest
import torch

from lmms_bapa.steering.spans import first_n_segments, image_segments, surplus_tokens


def test_the_stretch_of_each_row_begins_at_its_own_first_image_token() -> None:
    """N tokens from the first image token on, N counting the row's image tokens; rows apart."""
    rows = ["ttiitii", "itttttt", "ttttttt", "tttitit"]
    is_image = torch.tensor([[token == "i" for token in row] for row in rows])
    want = [
        [0, 0, 1, 1, 1, 1, 0],
        [2, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 4, 4, 0, 0],
    ]
    got = first_n_segments(is_image)
    assert got.tolist() == want
    assert got.dtype == torch.int64


def test_the_stretch_is_made_where_the_tokens_are() -> None:
    # The meta device stands for any that is not the CPU: torch refuses to mix them.
    assert first_n_segments(torch.ones(2, 5, dtype=torch.bool, device="meta")).is_meta
    assert surplus_tokens(torch.ones(2, 5, dtype=torch.long, device="meta")).is_meta
    is_image = where("tiiit", "i")
    with torch.device("meta"):
        assert image_segments(is_image, [2, 1]).tolist() == [[0, 1, 1, 2, 0]]


def where(row: str, letter: str) -> torch.Tensor:
    return torch.tensor([[token == letter for token in row]])


def test_each_row_of_a_batch_starts_anew() -> None:
    """An image at the end of a row and one at the start of the next are two, marker or none."""
    rows = ["tii", "iit"]
    is_image = torch.tensor([[token == "i" for token in row] for row in rows])
    want = [[0, 1, 1], [2, 2, 0]]
    assert image_segments(is_image).tolist() == want
    assert image_segments(is_image, [2, 2]).tolist() == want
    assert surplus_tokens(torch.tensor(want)).tolist() == [[0, 0, 1], [0, 1, 1]]


def test_a_surplus_counts_within_images_and_not_between_them() -> None:
    segment = torch.tensor([[1, 1, 1, 2, 2, 0, 0, 3]])
    assert surplus_tokens(segment).tolist() == [[0, 1, 2, 2, 3, 3, 3, 3]]


def test_no_image_at_all() -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    for options in ({}, {"lengths": []}, {"begins": nothing}, {"last": nothing}):
        assert image_segments(nothing, **options).tolist() == [[0, 0, 0]] * 2
    assert first_n_segments(nothing).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("lengths", [[3], [5], [2, 3], []])
def test_lengths_must_add_up(lengths: list[int]) -> None:
    told = f"4 image tokens in the prompt, but {sum(lengths)} image features"
    with pytest.raises(ValueError, match=f"^{told}$"):
        image_segments(where("tiitii", "i"), lengths)


def test_opening_tokens_are_read_row_by_row() -> None:
    rows = ["oiimii", "toimit", "oittoi"]
    is_image, begins = (
        torch.tensor([[token == letter for token in row] for row in rows]) for letter in "io"
    )
    want = [[0, 1, 1, 1, 1, 1], [0, 0, 2, 2, 2, 0], [0, 3, 0, 0, 0, 4]]
    assert image_segments(is_image, begins=begins).tolist() == want
    begins[1] = False  # the opening token of one row does not open the next
    with pytest.raises(ValueError, match="before the token that opens an image"):
        image_segments(is_image, begins=begins)


def test_last_tiles_are_read_row_by_row() -> None:
    rows = ["iimiiliit", "lititmili", "tttiiliit"]
    is_image, last = (
        torch.tensor([[token == letter for token in row] for row in rows]) for letter in "il"
    )
    want = [[1] * 8 + [0], [0, 2, 0, 3, 3, 3, 3, 3, 3], [0, 0, 0, 4, 4, 4, 4, 4, 0]]
    assert image_segments(is_image, last=last).tolist() == want


@pytest.mark.parametrize(
    ("row", "images"), [("fiifii", None), ("iffii", 2), ("iifi", None), ("fii", 1), ("iift", 1)]
)
def test_a_token_between_two_runs_may_part_them_or_not(row: str, images: int | None) -> None:
    is_image, unclear = where(row, "i"), where(row, "f")
    if images is None:
        told = "^two pictures side by side, or two tiles of one: the prompt does not tell$"
        with pytest.raises(ValueError, match=told):
            image_segments(is_image, unclear=unclear)
    else:
        assert int(image_segments(is_image, unclear=unclear).max()) == images


def test_a_prompt_that_does_not_tell_may_be_told_by_lengths() -> None:
    is_image, unclear = where("iifi", "i"), where("iifi", "f")
    assert image_segments(is_image, [2, 1], unclear=unclear).tolist() == [[1, 1, 0, 2]]
    assert image_segments(is_image, [3], unclear=unclear).tolist() == [[1, 1, 1, 1]]
