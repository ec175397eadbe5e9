"""How many tokens each image or frame has, as the vision encoder's output tells."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lmms_bapa.steering.architecture import Anatomy
from lmms_bapa.steering.errors import SteeringError


def feature_lengths(features: Any) -> list[int] | None:
    """Tokens of each entry of an output of ``get_image_features``, or None if it does not tell."""
    pooled = getattr(features, "pooler_output", features)
    if pooled is None:
        pooled = features.last_hidden_state
    if isinstance(pooled, list | tuple) and pooled and isinstance(pooled[0], list | tuple):
        pooled = pooled[0]  # before transformers 5: the pictures, then features for deeper layers
    if isinstance(pooled, list | tuple) and pooled and all(torch.is_tensor(f) for f in pooled):
        return [f.shape[:-1].numel() for f in pooled]
    if torch.is_tensor(pooled) and pooled.dim() == 3:
        return [pooled.shape[1]] * pooled.shape[0]
    return None


def image_lengths(body: Anatomy, features: Any) -> list[int] | None:
    """Tokens of each image in an output of ``get_image_features``; None if the family has no such.

    Raises:
        SteeringError: the family has, but this output does not tell.
    """
    unit = body.architecture.unit
    if unit not in ("image", "stack"):
        return None
    lengths = feature_lengths(features)
    tiles = getattr(features, "tiles", None) if unit == "stack" else 1
    if lengths is None or tiles is None:
        raise SteeringError(
            f"{body.model_type}: encoded pictures do not tell where each ends: give pixel_values"
        )
    return [sum(lengths[i : i + tiles]) for i in range(0, len(lengths), tiles)]


def frame_lengths(features: Any, grid: Tensor | None) -> list[list[int]]:
    """Tokens of each frame of each video.

    Args:
        features: an output of ``get_video_features``.
        grid: frames, rows and columns of patches of each video, shape (videos, 3).

    Raises:
        SteeringError: the frames cannot be told.
    """
    clips = feature_lengths(features)
    if grid is None or clips is None or len(clips) != len(grid):
        raise SteeringError(
            "the frames of a video cannot be told: give pixel_values_videos and video_grid_thw, "
            "and no beam search"
        )
    frames = grid[:, 0].tolist()
    return [[clip // n] * n for clip, n in zip(clips, frames, strict=True)]
