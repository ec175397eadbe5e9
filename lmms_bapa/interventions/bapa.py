"""Balanced Position Assignment (BaPA): all tokens of one image share one position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmms_bapa.interventions.base import Intervention, Tokens, image_mean, require_number
from lmms_bapa.interventions.registry import register


def paper_positions(stock: Tensor, tokens: Tokens) -> Tensor:
    """The paper's assignment (arXiv 2509.21984 v1, section on Balanced Position Assignment).

    An image that starts at position p has p at each of its tokens and the text after it goes on
    at p + 1. With s the index of the first of N image tokens, a token t has position t before the
    image, s inside it, and t - N + 1 after it; several images collapse one by one. M-RoPE
    decoders get the same position on every axis.

    Args:
        stock: shape (B, L) or (axes, B, L), or with 1 for B.
        tokens: where the images are.

    Returns:
        Integer positions, shape (B, L) or (axes, B, L).
    """
    balanced = tokens.index - tokens.surplus
    return balanced.expand(*stock.shape[:-2], *balanced.shape[-2:])


def anchored_positions(stock: Tensor, tokens: Tokens, anchor: float | None) -> Tensor:
    """Leaves the text where it is and gives each image one place inside its own range.

    Args:
        stock: shape (B, L) or (axes, B, L), or with 1 for B.
        tokens: where the images are.
        anchor: None for the mean position of the image's tokens, else the share of the way from
            their smallest position (0) to their largest (1); axis by axis.

    Returns:
        Float positions, shape (B, L) or (axes, B, L).
    """
    rows = tokens.segment.shape
    placed = stock.expand(*stock.shape[:-2], *rows).float()
    image = tokens.segment > 0
    if not bool(image.any()):
        return placed
    segment = tokens.segment[image]
    values = placed[..., image].reshape(-1, segment.shape[0]).T
    if anchor is None:
        target = image_mean(values, segment)
    else:
        _, group = torch.unique(segment, return_inverse=True)
        where = group.unsqueeze(-1).expand_as(values)
        blank = values.new_zeros(int(group.max()) + 1, values.shape[-1])
        low = blank.scatter_reduce(0, where, values, "amin", include_self=False)[group]
        high = blank.scatter_reduce(0, where, values, "amax", include_self=False)[group]
        target = low + anchor * (high - low)
    result = placed.clone()
    result[..., image] = target.T.reshape(*stock.shape[:-2], -1)
    return result


@register
@dataclass(frozen=True)
class BaPA(Intervention):
    """Balanced Position Assignment, arXiv 2509.21984 v1.

    The causal mask is untouched: image tokens still see only earlier ones.

    Attributes:
        strength: share of the way from the stock positions (0) to the balanced ones (1, the
            paper's).
        anchor: ``paper``: the image takes the position where it starts and the text moves up
            behind it. ``center``, or a number in [0, 1]: the text stays, and the image takes its
            mean position, or that share of its own range (not in the paper: the paper's form also
            changes how far the image is from the text).

    Raises:
        ValueError: a field is out of range.
    """

    name: ClassVar[str] = "bapa"

    strength: float = 1.0
    anchor: str | float = "paper"

    def __post_init__(self) -> None:
        require_number("BaPA", "strength", self.strength, 0, 1)
        if isinstance(self.anchor, str):
            if self.anchor not in ("paper", "center"):
                raise ValueError(
                    "BaPA: anchor must be 'paper', 'center' or a number in [0, 1], "
                    f"got {self.anchor!r}"
                )
        else:
            require_number("BaPA", "anchor", self.anchor, 0, 1)

    @property
    def is_identity(self) -> bool:
        """True at strength 0."""
        return self.strength == 0

    def positions(self, stock: Tensor, tokens: Tokens) -> Tensor:
        """Balanced positions; see :func:`paper_positions` and :func:`anchored_positions`."""
        if self.anchor == "paper":
            balanced = paper_positions(stock, tokens)
        else:
            share = None if isinstance(self.anchor, str) else float(self.anchor)
            balanced = anchored_positions(stock, tokens, share)
        if self.strength == 1:
            return balanced
        base = stock.float()
        return base + self.strength * (balanced - base)
