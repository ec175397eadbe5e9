"""Adaptive Global Context Injection (AGCI): each image token takes in some of its image's mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmms_bapa.interventions.base import Intervention, Tokens, image_mean, require_number
from lmms_bapa.interventions.registry import register


def inject_global_context(v: Tensor, segment: Tensor, lambda_: float | Tensor) -> Tensor:
    """Returns v' = v + λ · (1 - cos(v, g)) · g, g the mean over v's image.

    Source: arXiv 2509.21984 v2, AGCI. Mean, cosine and sum are taken in fp32 whatever the dtype.

    Args:
        v: image tokens, shape (T, D).
        segment: the image of each token, shape (T,).
        lambda_: λ >= 0; one number, or one for each token, shape (T, 1).

    Returns:
        Shape (T, D), dtype of ``v``.
    """
    tokens = v.float()
    g = image_mean(tokens, segment)
    distance = 1 - torch.nn.functional.cosine_similarity(tokens, g, dim=-1)
    return (tokens + lambda_ * distance.unsqueeze(-1) * g).to(v.dtype)


@register
@dataclass(frozen=True)
class AGCI(Intervention):
    """Adaptive Global Context Injection, arXiv 2509.21984 v2.

    Attributes:
        lambda_: strength λ >= 0 of the injection (0 is off).
        scope: ``image``: g is the mean of the token's own image. ``call``: g is the mean over
            all images of the forward call, rows of a batch included, as the official code has it;
            for reproduction only, since a row then depends on its batch.

    Raises:
        ValueError: a field is out of range.
    """

    name: ClassVar[str] = "agci"
    main: ClassVar[str | None] = "lambda_"
    family: ClassVar[str | None] = "agci"

    lambda_: float
    scope: str = "image"

    def __post_init__(self) -> None:
        if str(self.lambda_) == "auto":
            raise ValueError("AGCI: lambda must be a number >= 0, got 'auto': write AutoAGCI()")
        require_number("AGCI", "lambda", self.lambda_, 0, math.inf)
        if self.scope not in ("image", "call"):
            raise ValueError(f"AGCI: scope must be 'image' or 'call', got {self.scope!r}")

    @property
    def is_identity(self) -> bool:
        """True at λ = 0."""
        return self.lambda_ == 0

    def embeddings(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Injects into every image token; text is left as it is."""
        image = tokens.visual
        segment = tokens.segment[image]
        if self.scope == "call":
            segment = torch.ones_like(segment)
        out = x.clone()
        out[image] = inject_global_context(x[image], segment, self.lambda_)
        return out
