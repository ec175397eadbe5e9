"""Which tokens belong to which image. Pure functions on token ids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def image_segments(is_image: Tensor, lengths: Sequence[int] | None) -> Tensor:
    """Numbers the images of a batch.

    Args:
        is_image: shape (B, L), bool, True at image tokens.
        lengths: tokens of each image in reading order (row by row), or None to take each run of
            adjacent image tokens for one image.

    Returns:
        Shape (B, L), int64: 0 for text, k for the tokens of the k-th image.

    Raises:
        ValueError: the lengths do not add up to the number of image tokens, an image would lie
            in two rows, or other tokens stand between its own (row breaks, as of Pixtral).
    """
    if lengths is None:
        before = torch.nn.functional.pad(is_image[:, :-1], (1, 0), value=False)
        starts = is_image & ~before
        number = starts.flatten().long().cumsum(0).view_as(is_image)
        return torch.where(is_image, number, 0)
    total, rows = sum(lengths), is_image.sum(dim=1)
    if int(rows.sum()) != total:
        raise ValueError(
            f"{int(rows.sum())} image tokens in the prompt, but {total} image features"
        )
    ends = torch.tensor(list(lengths), device=is_image.device).cumsum(0)
    order = is_image.flatten().long().cumsum(0) - 1
    number = torch.searchsorted(ends, order.clamp(min=0), right=True) + 1
    segment = torch.where(is_image, number.view_as(is_image), 0)
    boundary = {0, *ends.tolist()}
    if not set(rows.cumsum(0).tolist()) <= boundary:
        raise ValueError("an image's tokens lie in two rows of the batch")
    before = torch.nn.functional.pad(segment[:, :-1], (1, 0), value=0)
    runs = int(((segment > 0) & (segment != before)).sum())
    if runs != sum(length > 0 for length in lengths):
        raise ValueError(
            "other tokens stand between those of one image (row breaks): not supported yet"
        )
    return segment


def surplus_tokens(segment: Tensor) -> Tensor:
    """Counts the image tokens beyond the first of their image, up to each token.

    Args:
        segment: shape (B, L), as from :func:`image_segments`.

    Returns:
        Shape (B, L), int64.
    """
    before = torch.nn.functional.pad(segment[:, :-1], (1, 0), value=0)
    return ((segment > 0) & (segment == before)).long().cumsum(dim=1)
