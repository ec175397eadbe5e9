"""Which tokens belong to which image. Pure functions on token ids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def image_segments(
    is_image: Tensor,
    lengths: Sequence[int] | None = None,
    begins: Tensor | None = None,
    last: Tensor | None = None,
    unclear: Tensor | None = None,
) -> Tensor:
    """Numbers the images of a batch.

    Tokens that stand between those of one image (row breaks, tile markers) belong to it.

    Args:
        is_image: shape (B, L), bool, True at image tokens.
        lengths: image tokens of each image in reading order (row by row). Without them an image
            is a run of adjacent image tokens, or several runs, if one of the next two tells.
        begins: shape (B, L), bool, True at the token that opens an image: all runs up to the next
            such token are its tiles.
        last: shape (B, L), bool, True at the token right before the last tile of an image: all
            runs up to there are its other tiles.
        unclear: shape (B, L), bool, True at tokens that stand both between tiles and between
            images: where nothing else parts two runs, nobody can tell.

    Returns:
        Shape (B, L), int64: 0 for text, k for the tokens of the k-th image.

    Raises:
        ValueError: the lengths do not add up to the number of image tokens, or an image would lie
            in two rows, or does not begin with its opening token or end with its last tile, or
            two runs may be one image or two.
    """
    if lengths is not None:
        number = _by_length(is_image, lengths)
    else:
        starts = is_image & ~_shifted(is_image)
        if unclear is not None and bool((starts & _shifted(unclear & _shifted(is_image))).any()):
            raise ValueError(
                "two pictures side by side, or two tiles of one: the prompt does not tell"
            )
        if begins is not None:
            starts = _after_opening(starts, begins)
        elif last is not None:
            starts = _after_last(is_image, starts, last)
        number = starts.flatten().long().cumsum(0).view_as(is_image)
    return _with_gaps(torch.where(is_image, number, 0), int(number.max()) + 1)


def marker_ends(ids: Tensor, marker: Sequence[int]) -> Tensor:
    """Finds a marker that is one token or several in a row.

    Args:
        ids: shape (B, L).
        marker: its ids.

    Returns:
        Shape (B, L), bool, True at its last token.
    """
    found = ids == marker[0]
    for token in marker[1:]:
        found = _shifted(found) & (ids == token)
    return found


def first_n_segments(is_image: Tensor) -> Tensor:
    """The BaPA authors' code on several images: N tokens from a row's first image token on.

    N counts all image tokens of the row, so text between two images falls inside, and as many
    tokens of the last image fall outside. For reproduction only.

    Args:
        is_image: shape (B, L), bool, True at image tokens.

    Returns:
        Shape (B, L), int64: 0, or k inside the stretch of row k - 1.
    """
    place = torch.arange(is_image.shape[1], device=is_image.device)
    first = is_image.long().argmax(dim=1, keepdim=True)
    inside = (place >= first) & (place < first + is_image.sum(dim=1, keepdim=True))
    return inside * torch.arange(1, len(is_image) + 1, device=is_image.device).unsqueeze(1)


def surplus_tokens(segment: Tensor) -> Tensor:
    """Counts the tokens beyond the first of their image, up to each token.

    Args:
        segment: shape (B, L), as from :func:`image_segments`.

    Returns:
        Shape (B, L), int64.
    """
    return ((segment > 0) & (segment == _shifted(segment))).long().cumsum(dim=1)


def _shifted(values: Tensor) -> Tensor:
    """Each token's left neighbour; 0 or False at the start of a row."""
    return torch.nn.functional.pad(values[:, :-1], (1, 0), value=0)


def _by_length(is_image: Tensor, lengths: Sequence[int]) -> Tensor:
    total, rows = sum(lengths), is_image.sum(dim=1)
    if int(rows.sum()) != total:
        raise ValueError(
            f"{int(rows.sum())} image tokens in the prompt, but {total} image features"
        )
    ends = torch.tensor(list(lengths), device=is_image.device).cumsum(0)
    if not set(rows.cumsum(0).tolist()) <= {0, *ends.tolist()}:
        raise ValueError("an image's tokens lie in two rows of the batch")
    order = is_image.flatten().long().cumsum(0) - 1
    return (torch.searchsorted(ends, order.clamp(min=0), right=True) + 1).view_as(is_image)


def _after_opening(starts: Tensor, begins: Tensor) -> Tensor:
    """Of all starts of runs, the first after each opening token."""
    opened = begins.long().cumsum(dim=1)
    if bool((starts & (opened == 0)).any()):
        raise ValueError("image tokens come before the token that opens an image")
    reached = torch.where(starts, opened, 0).cummax(dim=1).values
    return starts & (opened > _shifted(reached))


def _after_last(is_image: Tensor, starts: Tensor, last: Tensor) -> Tensor:
    """Of all starts of runs, the first of a row and those after a last tile."""
    runs = starts.long().cumsum(dim=1)
    closing = torch.where(starts & _shifted(last), runs, 0).cummax(dim=1).values
    if bool((closing[:, -1] < runs[:, -1]).any()):
        raise ValueError("image tokens come without the token that opens an image's last tile")
    closed_before = _shifted(torch.where(is_image, closing, 0).cummax(dim=1).values)
    return starts & ((runs == 1) | (closed_before == runs - 1))


def _with_gaps(number: Tensor, beyond: int) -> Tensor:
    """Gives the tokens between two of one image that image's number."""
    before = number.cummax(dim=1).values
    masked = torch.where(number > 0, number, beyond).flip(1)
    after = masked.cummin(dim=1).values.flip(1)
    return torch.where(before == after, before, number)
