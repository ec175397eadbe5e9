"""Where the images of one request lie, from what vLLM tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.interventions import Tokens
from lmms_bapa.steering.errors import SteeringError
from lmms_bapa.steering.spans import surplus_tokens


def prompt_tokens(length: int, features: Sequence[Any]) -> Tokens:
    """The images of a prompt.

    What stands between two tokens of an image (row breaks, tile markers) belongs to it, as in
    :func:`lmms_bapa.steering.spans.image_segments`.

    Args:
        length: tokens of the prompt.
        features: vLLM's ``MultiModalFeatureSpec`` of each picture.

    Returns:
        One row of ``length`` tokens.

    Raises:
        SteeringError: something else than a still picture is among them.
    """
    segment = torch.zeros(1, length, dtype=torch.long)
    visual = torch.zeros(1, length, dtype=torch.bool)
    for number, feature in enumerate(features, 1):
        if feature.modality != "image":
            raise SteeringError(f"{feature.modality}: only still pictures are steered in vLLM")
        place = feature.mm_position
        own = torch.ones(place.length, dtype=torch.bool)
        if place.is_embed is not None:
            own = place.is_embed.cpu().bool()
        at = own.nonzero().flatten() + place.offset
        if len(at):
            segment[0, at[0] : at[-1] + 1] = number
            visual[0, at] = True
    return Tokens(segment, visual, surplus_tokens(segment), torch.arange(length).unsqueeze(0))


def image_tokens(count: int, device: torch.device) -> Tokens:
    """The tokens of one image alone, as the vision encoder gives them."""
    segment = torch.ones(1, count, dtype=torch.long, device=device)
    index = torch.arange(count, device=device).unsqueeze(0)
    return Tokens(segment, segment.bool(), index, index)


def with_next(tokens: Tokens) -> Tokens:
    """The same prompt and one token of text after it, which decoding starts with."""
    pad = torch.nn.functional.pad
    segment = pad(tokens.segment, (0, 1))
    visual = pad(tokens.visual, (0, 1))
    index = torch.arange(segment.shape[1]).unsqueeze(0)
    return Tokens(segment, visual, surplus_tokens(segment), index)


def stock_with_next(stock: Tensor, delta: int) -> Tensor:
    """Stock positions of a prompt, shape (axes, L), and of the token after it.

    Args:
        stock: positions of the prompt.
        delta: what vLLM adds to the number of a generated token to get its position.

    Returns:
        Shape (axes, 1, L + 1).
    """
    following = torch.full_like(stock[:, :1], stock.shape[1] + delta)
    return torch.cat([stock, following], dim=1).unsqueeze(1)
