"""AGCI with a strength that each image sets itself, by how alike its tokens are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lmms_bapa.interventions.agci import inject_global_context
from lmms_bapa.interventions.base import Intervention, Tokens, image_mean
from lmms_bapa.interventions.registry import register


def agreement(v: Tensor, segment: Tensor) -> Tensor:
    """λ of each token's image: the mean over the image of cos(v, g), at least 0.

    Not in a paper. An image's mean g is worth injecting as far as its tokens agree on it, and that
    is what the mean cosine says. The mean weight 1 - cos(v, g) is 1 - λ, so a token gets on average
    λ · (1 - λ) of g: nothing if all tokens are alike (nothing to even out), nothing if they have no
    direction in common (g is noise), a quarter of g at most. No constant is chosen, and neither
    the scale of the tokens nor their number matters. Statistics are taken in fp32.

    Args:
        v: image tokens, shape (T, D).
        segment: the image of each token, shape (T,).

    Returns:
        Shape (T, 1), float32, in [0, 1].
    """
    tokens = v.float()
    g = image_mean(tokens, segment)
    cosine = torch.nn.functional.cosine_similarity(tokens, g, dim=-1)
    return image_mean(cosine.unsqueeze(-1), segment).clamp(0, 1)


@register
@dataclass(frozen=True)
class AutoAGCI(Intervention):
    """AGCI (arXiv 2509.21984 v2) with λ = mean cos(v, g), image by image; ``agci_lambda=auto``.

    The rule is ours, see :func:`agreement`.
    """

    name: ClassVar[str] = "agci_auto"
    alias: ClassVar[tuple[str, str] | None] = ("agci_lambda", "auto")
    family: ClassVar[str | None] = "agci"

    def embeddings(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Injects into every image token; text is left as it is."""
        image = tokens.visual
        v, segment = x[image], tokens.segment[image]
        out = x.clone()
        out[image] = inject_global_context(v, segment, agreement(v, segment))
        return out
