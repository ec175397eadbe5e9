"""What has to be remembered between a prefill and its decode steps, kept on the KV cache.

The state lives on the cache object, never on the model: it is copied, dropped and interleaved
together with the keys and values it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.interventions import Intervention, Tokens

_ATTRIBUTE = "_lmms_bapa_state"


@dataclass(frozen=True)
class CacheState:
    """Facts about the tokens of a cache that were written under steering.

    Attributes:
        settings: the interventions that were on.
        length: how many tokens were written.
        surplus: shape (B, T), see :class:`lmms_bapa.interventions.Tokens`, of the first T tokens;
            all later ones are text. None if no image is among them.
        positions: what the rotary embedding was given, shape (B, P) or (axes, B, P). Only kept up
            to date, with P the cache's length, where it is asked for cached tokens again.
    """

    settings: tuple[Intervention, ...]
    length: int
    surplus: Tensor | None = None
    positions: Tensor | None = None

    def surplus_before(self, past: int, batch: int) -> Tensor | None:
        """The count after ``past`` tokens, shape (batch, 1), or None if there is no image.

        Raises:
            ValueError: the batch is not the cache's, each row repeated.
        """
        if self.surplus is None:
            return None
        last = min(past, self.surplus.shape[1])
        return _repeated(self.surplus[:, last - 1 : last], batch, dim=0)

    def positions_before(self, past: int, batch: int) -> Tensor:
        """The positions of the first ``past`` tokens, shape (batch, past) or (axes, batch, past).

        Raises:
            ValueError: they are not known, or the batch is not the cache's, each row repeated.
        """
        if self.positions is None or self.positions.shape[-1] < past:
            raise ValueError("the positions of cached tokens are not known")
        return _repeated(self.positions[..., :past], batch, dim=-2)


def _repeated(values: Tensor, batch: int, dim: int) -> Tensor:
    """Beam search repeats each row; its beams are equal as far as the prompt reaches."""
    rows = values.shape[dim]
    if batch % rows:
        raise ValueError(f"the cache was made for {rows} rows, this call has {batch}")
    return values if rows == batch else values.repeat_interleave(batch // rows, dim=dim)


def load(cache: Any, settings: tuple[Intervention, ...], past: int) -> CacheState | None:
    """The state of a cache, or None if it is empty.

    A static cache that was reset is empty, and what it held is forgotten.

    Args:
        cache: the KV cache, or None.
        settings: the interventions that are on.
        past: how many tokens the cache holds.

    Raises:
        ValueError: some of its tokens were not written under these settings.
    """
    state: CacheState | None = getattr(cache, _ATTRIBUTE, None)
    if past == 0:
        if state is not None:
            delattr(cache, _ATTRIBUTE)
        return None
    same = state is not None and (state.settings is settings or state.settings == settings)
    if state is None or not same or state.length < past:
        raise ValueError("the cache was filled, at least in part, without these interventions")
    return state


def save(
    cache: Any,
    settings: tuple[Intervention, ...],
    past: int,
    chunk: int,
    tokens: Tokens | None,
    positions: Tensor | None = None,
) -> None:
    """Remembers a chunk of tokens that was written to a cache.

    Args:
        cache: the KV cache.
        settings: the interventions that are on.
        past: how many tokens the cache held before.
        chunk: how many tokens were added.
        tokens: what is known of them, its counts continuing those before; None if no image is
            among them or before them.
        positions: the rotary positions of all tokens in the cache, if they were asked for.
    """
    old: CacheState | None = getattr(cache, _ATTRIBUTE, None)
    surplus = old.surplus if old is not None else None
    is_known = surplus is not None and chunk == 1 and past >= surplus.shape[1]  # a decode step
    if tokens is not None and not is_known:
        surplus = _continued(surplus, past, tokens.surplus)
    setattr(cache, _ATTRIBUTE, CacheState(settings, past + chunk, surplus, positions))


def _continued(old: Tensor | None, past: int, new: Tensor) -> Tensor:
    """The counts of ``past`` tokens, of which the old ones are known, and of new ones behind."""
    before = new.new_zeros(new.shape[0], past)
    if old is not None and past:
        rows = _repeated(old, new.shape[0], dim=0)
        known = min(past, rows.shape[1])
        before[:, :known] = rows[:, :known]
        before[:, known:] = rows[:, known - 1 : known]
    return torch.cat([before, new], dim=1)
