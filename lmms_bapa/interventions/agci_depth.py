"""AGCI spread over the first decoder layers, instead of all at once before them."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lmms_bapa.interventions.agci import inject_global_context
from lmms_bapa.interventions.base import Intervention, Tokens, require_number
from lmms_bapa.interventions.registry import register

SCHEDULES = ("even", "falling", "rising")


def shares(schedule: str, layers: int) -> list[float]:
    """The share of λ at each of the first ``layers`` layers; they add up to 1.

    ``even`` is 1/K everywhere; ``falling`` goes as K, K - 1, ..., 1; ``rising`` as 1, 2, ..., K.
    """
    weights = [1] * layers if schedule == "even" else list(range(1, layers + 1))
    if schedule == "falling":
        weights.reverse()
    return [weight / sum(weights) for weight in weights]


@register
@dataclass(frozen=True)
class DepthAGCI(Intervention):
    """AGCI (arXiv 2509.21984 v2) with λ divided over the inputs of the first K decoder layers.

    Not in the paper. At each of these layers the formula is AGCI's, with that layer's share of λ;
    g is the mean of the image's hidden states as they enter that layer. The first layer's share
    is injected where AGCI acts, as the tokens enter the decoder, so that one layer is AGCI itself.

    Attributes:
        lambda_: λ >= 0 in all (0 is off).
        layers: K >= 1.
        schedule: ``even``, ``falling`` or ``rising``, see :func:`shares`.

    Raises:
        ValueError: a field is out of range.
    """

    name: ClassVar[str] = "agci_depth"
    main: ClassVar[str | None] = "lambda_"
    family: ClassVar[str | None] = "agci"

    lambda_: float
    layers: int
    schedule: str = "even"

    def __post_init__(self) -> None:
        require_number("AGCI by depth", "lambda", self.lambda_, 0, math.inf)
        if not isinstance(self.layers, int) or isinstance(self.layers, bool) or self.layers < 1:
            raise ValueError(
                f"AGCI by depth: layers must be a whole number >= 1, got {self.layers!r}"
            )
        if self.schedule not in SCHEDULES:
            known = ", ".join(SCHEDULES)
            raise ValueError(
                f"AGCI by depth: schedule must be one of {known}, got {self.schedule!r}"
            )

    @property
    def is_identity(self) -> bool:
        """True at λ = 0."""
        return self.lambda_ == 0

    def acting_layers(self, count: int) -> Collection[int]:
        """All of the schedule but the first, whose share is injected before.

        Raises:
            ValueError: the decoder has fewer layers than the schedule.
        """
        if self.layers > count:
            raise ValueError(
                f"AGCI by depth: layers is {self.layers}, but the decoder has {count}: "
                "give a smaller number"
            )
        return range(1, self.layers)

    def embeddings(self, x: Tensor, tokens: Tokens) -> Tensor:
        """The first layer's share."""
        return self._injected(x, tokens, 0)

    def layer_embeddings(self, x: Tensor, tokens: Tokens, layer: int, count: int) -> Tensor:
        """The share of a later layer of the schedule."""
        del count
        return self._injected(x, tokens, layer)

    def _injected(self, x: Tensor, tokens: Tokens, layer: int) -> Tensor:
        image = tokens.visual
        lambda_ = self.lambda_ * shares(self.schedule, self.layers)[layer]
        out = x.clone()
        out[image] = inject_global_context(x[image], tokens.segment[image], lambda_)
        return out
