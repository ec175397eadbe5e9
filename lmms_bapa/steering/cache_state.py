"""What has to be remembered between a prefill and its decode steps, kept on the KV cache.

The state lives on the cache object, never on the model: it is copied, dropped and interleaved
together with the keys and values it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.interventions import Tokens

_ATTRIBUTE = "_lmms_bapa_state"


@dataclass(frozen=True)
class CacheState:
    """Facts about the first T tokens of a cache. All later ones are text.

    Attributes:
        surplus: shape (B, T), see :class:`lmms_bapa.interventions.Tokens`.
        ends_in_image: shape (B,), whether each row's T-th token belongs to an image.
        positions: what the rotary embedding was given, shape (B, P) or (axes, B, P). Only kept up
            to date, with P the cache's length, where it is asked for cached tokens again.
    """

    surplus: Tensor
    ends_in_image: Tensor
    positions: Tensor | None = None

    def surplus_before(self, past: int, batch: int) -> Tensor:
        """The count after ``past`` tokens, shape (batch, 1).

        Beam search repeats each row; its beams are equal as far as the prompt reaches.
        """
        last = min(past, self.surplus.shape[1])
        column = self.surplus[:, last - 1 : last]
        rows = column.shape[0]
        return column if rows == batch else column.repeat_interleave(batch // rows, dim=0)

    def positions_before(self, past: int, batch: int) -> Tensor:
        """The positions of the first ``past`` tokens, shape (batch, past) or (axes, batch, past).

        Raises:
            ValueError: they are not known.
        """
        if self.positions is None or self.positions.shape[-1] < past:
            raise ValueError("the positions of cached tokens are not known")
        known = self.positions[..., :past]
        return known.repeat_interleave(batch // known.shape[-2], dim=-2)

    def is_cut_by(self, is_image: Tensor, past: int) -> bool:
        """Whether a chunk that starts after ``past`` tokens goes on with an unfinished image."""
        if past != self.surplus.shape[1] or is_image.shape[0] != self.ends_in_image.shape[0]:
            return False
        return bool((self.ends_in_image & is_image[:, 0]).any())


def load(cache: Any) -> CacheState | None:
    """The state of a cache, or None if it holds no image."""
    return getattr(cache, _ATTRIBUTE, None)


def clear(cache: Any) -> None:
    """Forgets the state of a cache, for instance of a static one that was reset."""
    if load(cache) is not None:
        delattr(cache, _ATTRIBUTE)


def extend(cache: Any, past: int, tokens: Tokens, positions: Tensor | None = None) -> None:
    """Adds a chunk of tokens to the state of a cache.

    Args:
        cache: the KV cache that the chunk was written to.
        past: how many tokens the cache held before.
        tokens: the chunk, its counts continuing those before.
        positions: the rotary positions of all tokens in the cache, if they were asked for.
    """
    old = load(cache)
    is_step = tokens.segment.shape[1] == 1
    if old is not None and is_step and past >= old.surplus.shape[1]:
        # A decode step: text after all that is known.
        if positions is not None:
            setattr(cache, _ATTRIBUTE, replace(old, positions=positions))
        return
    surplus = tokens.surplus
    if past:
        before = surplus.new_zeros(surplus.shape[0], past)
        if old is not None:
            rows = old.surplus.repeat_interleave(surplus.shape[0] // old.surplus.shape[0], dim=0)
            known = min(past, rows.shape[1])
            before[:, :known] = rows[:, :known]
            before[:, known:] = rows[:, known - 1 : known]
        surplus = torch.cat([before, surplus], dim=1)
    setattr(cache, _ATTRIBUTE, CacheState(surplus, tokens.segment[:, -1] > 0, positions))
