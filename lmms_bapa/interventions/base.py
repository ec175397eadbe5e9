"""What an intervention is: a frozen, validated record with up to three pure tensor functions."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Where the images of a batch lie in its token sequences.

    Attributes:
        segment: shape (B, L), 0 for text and padding, k > 0 for the tokens of the batch's k-th
            image; two images never share a number. Row breaks and tile markers inside an image
            belong to it.
        visual: shape (B, L), bool, True at image tokens proper: those whose embedding comes from
            the vision encoder.
        surplus: shape (B, L), how many tokens beyond the first of their image stand at or before
            each token of its row, cached tokens included.
        index: shape (B, L), the position each token has when every token counts one. In decoders
            with one position axis these are the stock positions; in M-RoPE decoders they are not.
    """

    segment: Tensor
    visual: Tensor
    surplus: Tensor
    index: Tensor

    def to(self, device: torch.device) -> Tokens:
        """The same on another device."""
        if self.segment.device == device:
            return self
        return Tokens(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True)
class Intervention(ABC):
    """A training-free change of what the language model is told about its image tokens.

    A subclass is a frozen dataclass that validates its fields, overrides :meth:`positions`,
    :meth:`embeddings` or :meth:`layer_embeddings` (or several), and is registered with
    :func:`lmms_bapa.interventions.register`. Its fields become options of the command line:
    ``name`` switches it on or sets its ``main`` field, ``name_field`` sets the others.

    Attributes:
        name: the registry's key.
        main: the field that ``name_<main>=...`` sets and that alone switches the method on, or
            None if ``name=true`` does.
        alias: another option and the value of it that switch the method on, such as
            ``("agci_lambda", "auto")``.
        family: methods of one family are forms of the same thing: only one of them may act.
    """

    name: ClassVar[str]
    main: ClassVar[str | None] = None
    alias: ClassVar[tuple[str, str] | None] = None
    family: ClassVar[str | None] = None

    @property
    def is_identity(self) -> bool:
        """Whether the method, as configured, changes nothing at all."""
        return False

    @classmethod
    def moves_positions(cls) -> bool:
        """Whether the method acts on positions."""
        return cls.positions is not Intervention.positions

    @classmethod
    def changes_embeddings(cls) -> bool:
        """Whether the method acts on image embeddings."""
        return cls.embeddings is not Intervention.embeddings

    @classmethod
    def changes_layers(cls) -> bool:
        """Whether the method acts on the inputs of decoder layers."""
        return cls.layer_embeddings is not Intervention.layer_embeddings

    def acting_layers(self, count: int) -> Collection[int]:
        """The decoder layers whose inputs :meth:`layer_embeddings` is to change; default: all.

        Args:
            count: how many layers the decoder has.

        Returns:
            Their numbers, from 0.

        Raises:
            ValueError: the setting does not fit a decoder of so many layers.
        """
        return range(count)

    def positions(self, stock: Tensor, tokens: Tokens) -> Tensor:
        """Returns the positions that the rotary embedding is to use.

        Args:
            stock: positions, shape (B, L) or (axes, B, L), or with 1 for B.
            tokens: where the images are.

        Returns:
            Positions of the shape of ``stock`` (with B rows), integer or float.
        """
        del tokens
        return stock

    def embeddings(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Returns the embeddings that enter the decoder.

        Args:
            x: embeddings, shape (B, L, D).
            tokens: where the images are.

        Returns:
            A tensor of the shape and dtype of ``x``; ``x`` itself is not written to.
        """
        del tokens
        return x

    def layer_embeddings(self, x: Tensor, tokens: Tokens, layer: int, count: int) -> Tensor:
        """Returns the hidden states that enter a decoder layer, where pictures come with the call.

        Args:
            x: hidden states, shape (B, L, D).
            tokens: where the images are.
            layer: number of the layer, from 0.
            count: how many layers the decoder has.

        Returns:
            A tensor of the shape and dtype of ``x``; ``x`` itself is not written to.
        """
        del tokens, layer, count
        return x


def check_together(interventions: Sequence[Intervention]) -> None:
    """Refuses methods that would do the same thing twice.

    Raises:
        ValueError: a method is given twice, or two of one family.
    """
    seen: dict[str, Intervention] = {}
    for one in interventions:
        key = one.family or one.name
        other = seen.setdefault(key, one)
        if other is one:
            continue
        if other.name == one.name:
            raise ValueError(f"{one.name} is given twice: which one should act?")
        raise ValueError(
            f"{other.name} and {one.name} are two forms of one method: which one should act?"
        )


def require_number(owner: str, name: str, value: Any, low: float, high: float) -> None:
    """Checks a numeric field.

    Raises:
        ValueError: ``value`` is not a finite number in [low, high].
    """
    span = f"a number in [{low:g}, {high:g}]" if math.isfinite(high) else f"a number >= {low:g}"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{owner}: {name} must be {span}, got {value!r}")


def image_mean(values: Tensor, segment: Tensor) -> Tensor:
    """Mean over the tokens of each image, written at each of its tokens.

    Args:
        values: shape (T, D), one row per image token, floating point.
        segment: shape (T,), the image of each row; any integers.

    Returns:
        Shape (T, D), in the dtype of ``values``.
    """
    _, group = torch.unique(segment, return_inverse=True)
    count = int(group.max()) + 1 if group.numel() else 0
    total = values.new_zeros(count, values.shape[-1]).index_add(0, group, values)
    size = values.new_zeros(count).index_add(0, group, values.new_ones(group.shape[0]))
    return (total / size.unsqueeze(-1))[group]
