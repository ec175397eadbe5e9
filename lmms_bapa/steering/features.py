"""How many tokens each image or frame has, as the vision encoder's output tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.steering.architecture import Anatomy
from lmms_bapa.steering.errors import SteeringError


def _pooled(features: Any) -> Any:
    pooled = getattr(features, "pooler_output", features)
    if pooled is None:
        pooled = features.last_hidden_state
    if isinstance(pooled, list | tuple) and pooled and isinstance(pooled[0], list | tuple):
        return pooled[0]  # before transformers 5: the pictures, then features for deeper layers
    return pooled


def feature_lengths(features: Any) -> list[int] | None:
    """Tokens of each entry of an output of ``get_image_features``, or None if it does not tell."""
    pooled = _pooled(features)
    if isinstance(pooled, list | tuple) and pooled and all(torch.is_tensor(f) for f in pooled):
        return [f.shape[:-1].numel() for f in pooled]
    if torch.is_tensor(pooled) and pooled.dim() == 3:
        return [pooled.shape[1]] * pooled.shape[0]
    return None


@dataclass(frozen=True)
class Encoding:
    """What was known when pictures or videos were encoded.

    generate() encodes first and hands over the features alone, so this travels with them as an
    attribute. Where they were copied on the way (accelerate does, to move them), the attribute is
    lost, and the last encoding is theirs if their sizes fit.

    Attributes:
        sizes: tokens of each entry of the features.
        tiles: how many entries make one picture.
        grid: frames, rows and columns of patches of each video, shape (videos, 3).
    """

    sizes: list[int]
    tiles: int = 1
    grid: Tensor | None = None

    @classmethod
    def of(cls, features: Any, tiles: int = 1, grid: Tensor | None = None) -> Encoding:
        """Notes an output of ``get_image_features`` or ``get_video_features`` on that output."""
        encoding = cls(_sizes(features), tiles, grid)
        if hasattr(features, "__dict__"):
            features.lmms_bapa_encoding = encoding
        return encoding

    @classmethod
    def behind(cls, features: Any, last: Encoding | None) -> Encoding:
        """The encoding that features came from.

        Args:
            features: what a forward pass was given.
            last: the last encoding of this thread.

        Raises:
            SteeringError: unknown, or only a part of them is here.
        """
        own: Encoding | None = getattr(features, "lmms_bapa_encoding", None)
        if own is not None:
            return own
        if last is not None and last._fits(_sizes(features)):
            return last
        raise SteeringError(
            "the pictures were encoded before steering began, or cut into chunks: give "
            "pixel_values, and leave prefill_chunk_size unset"
        )

    def _fits(self, sizes: list[int]) -> bool:
        """Whether these are all entries; beam search has each of them several times."""
        mine, theirs = Counter(self.sizes), Counter(sizes)
        times = {theirs[size] / count for size, count in mine.items()}
        return mine.keys() == theirs.keys() and len(times) == 1 and times.pop().is_integer()


def _sizes(features: Any) -> list[int]:
    lengths = feature_lengths(features)
    if lengths is not None:
        return lengths
    pooled = _pooled(features)
    return [pooled.shape[:-1].numel()] if torch.is_tensor(pooled) else []


def image_lengths(body: Anatomy, features: Any, encoding: Encoding) -> list[int] | None:
    """Tokens of each image in an output of ``get_image_features``; None if the family has no such.

    Raises:
        SteeringError: the family has, but this output does not tell.
    """
    if body.architecture.unit not in ("image", "stack"):
        return None
    lengths, tiles = feature_lengths(features), encoding.tiles
    if lengths is None:
        raise SteeringError(
            f"{body.model_type}: encoded pictures do not tell where each ends: give pixel_values"
        )
    return [sum(lengths[i : i + tiles]) for i in range(0, len(lengths), tiles)]


def frame_lengths(features: Any, encoding: Encoding) -> list[list[int]]:
    """Tokens of each frame of each video.

    Args:
        features: an output of ``get_video_features``.
        encoding: where they come from.

    Raises:
        SteeringError: the frames cannot be told.
    """
    clips, grid = feature_lengths(features), encoding.grid
    if grid is None or clips is None or len(clips) != len(grid):
        raise SteeringError(
            "the frames of a video cannot be told: give pixel_values_videos and video_grid_thw, "
            "and no beam search"
        )
    frames = grid[:, 0].tolist()
    return [[clip // n] * n for clip, n in zip(clips, frames, strict=True)]
