"""Reads one forward call: where are its images, and which position does each token count as?"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from lmms_bapa.interventions import Intervention, Tokens
from lmms_bapa.interventions.base import check_together
from lmms_bapa.steering import cache_state
from lmms_bapa.steering.architecture import Anatomy
from lmms_bapa.steering.errors import SteeringError
from lmms_bapa.steering.spans import (
    first_n_segments,
    image_segments,
    marker_ends,
    surplus_tokens,
)

# What of a video counts as one image: each of its (merged) frames, or all of them.
VideoUnit = Literal["frame", "clip"]
# What pictures are called on their way into a model's forward.
PIXEL_ARGUMENTS = ("pixel_values", "pixel_values_images", "image_patches")
VIDEO_ARGUMENTS = ("pixel_values_videos",)


@dataclass
class Call:
    """One forward pass of the base model.

    Attributes:
        ids: the token ids, shape (B, L), or None if the caller gave embeddings.
        mask: the attention mask as the caller gave it.
        has_pixels: whether pictures, raw or encoded, come with this call.
        videos: tokens of each frame of each video, or None if there is none.
        lengths: tokens of each image, where the architecture tells.
        tokens: what :func:`read_tokens` found.
        past: tokens in the cache before this call.
        state: what is known of them, or None if none of them is an image's.
        positions: what the rotary embedding was given for them and this call's tokens, where it
            asks for all of them.
        rotary_seen: whether the rotary embedding asked for its positions.
    """

    ids: Tensor | None
    mask: Any
    has_pixels: bool
    videos: list[list[int]] | None = None
    lengths: list[int] | None = None
    tokens: Tokens | None = None
    past: int = 0
    state: cache_state.CacheState | None = None
    positions: Tensor | None = None
    rotary_seen: bool = False

    @property
    def has_vision(self) -> bool:
        """Whether pictures or videos come with this call."""
        return self.has_pixels or self.videos is not None

    def behind_cached(self, stock: Tensor, moved: Tensor) -> Tensor:
        """Puts the cached tokens' positions before those of this call.

        Args:
            stock: positions as the rotary embedding was to be given them.
            moved: the changed positions of this call's tokens.

        Raises:
            SteeringError: the cached tokens' positions are not known.
        """
        earlier = stock[..., : self.past].expand(*moved.shape[:-1], -1)
        if self.past and self.state is not None:
            try:
                earlier = self.state.positions_before(self.past, moved.shape[-2])
            except ValueError as error:
                raise SteeringError(f"{error}: was the cache made without steering?") from error
        self.positions = torch.cat([earlier.to(moved.device), moved], dim=-1)
        return self.positions


def check_arguments(interventions: Sequence[Any], video: str) -> None:
    """Refuses arguments that would switch nothing on.

    Raises:
        TypeError: not interventions.
        ValueError: a method is given twice or in two forms, or the unit of a video is unknown.
    """
    for one in interventions:
        if not isinstance(one, Intervention):
            raise TypeError(f"an intervention such as BaPA() is wanted, not {one!r}")
    check_together(interventions)
    if video not in get_args(VideoUnit):
        raise ValueError(f"video must be one of {', '.join(get_args(VideoUnit))}, got {video!r}")


def read_call(base: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """What a call of the base model brings."""
    if args:
        names = inspect.signature(base.forward).parameters
        kwargs = {**dict(zip(names, args, strict=False)), **kwargs}

    def comes(kind: str, names: tuple[str, ...]) -> bool:
        encoded = (kwargs.get("mm_encoder_outputs") or {}).get(kind)
        return encoded is not None or any(kwargs.get(name) is not None for name in names)

    has_video = comes("video", VIDEO_ARGUMENTS)
    return Call(
        ids=kwargs.get("input_ids"),
        mask=kwargs.get("attention_mask"),
        has_pixels=comes("image", PIXEL_ARGUMENTS),
        videos=[] if has_video else None,
    )


def check_prompt(body: Anatomy, call: Call) -> None:
    """Refuses a prompt whose pictures cannot be followed, before the model runs.

    Raises:
        SteeringError: pictures without image tokens or the other way round, or video.
    """
    ids = call.ids
    if ids is None or ids.shape[1] == 1:
        return
    has_token = bool((ids == body.image_token).any())
    if call.has_pixels and not has_token:
        raise SteeringError(
            f"pictures were given, but no image token (id {body.image_token}) is in the "
            "prompt: was it cut off, or is the chat template missing its image part?"
        )
    if has_token and not call.has_pixels:
        raise SteeringError(
            f"image tokens (id {body.image_token}) are in the prompt, but no pictures came with "
            f"it as {', '.join(PIXEL_ARGUMENTS)} or mm_encoder_outputs"
        )
    if body.video_token is None or not bool((ids == body.video_token).any()):
        return
    if not body.architecture.video:
        raise SteeringError(
            f"{body.model_type}: video tokens cannot be steered: ask about still images"
        )
    if call.videos is None:
        raise SteeringError("video tokens are in the prompt, but no pixel_values_videos")


def _segments(body: Anatomy, call: Call, video: VideoUnit) -> tuple[Tensor, Tensor]:
    """The image of each token, and whether its embedding comes from the vision encoder."""
    ids = call.ids
    assert ids is not None
    is_image = ids == body.image_token
    if body.architecture.unit == "first_n":
        return first_n_segments(is_image), is_image
    begins = None if body.begin is None else marker_ends(ids, body.begin)
    last = None if body.last is None else marker_ends(ids, body.last)
    unclear = None if body.unclear is None else marker_ends(ids, body.unclear)
    lengths = call.lengths
    if body.architecture.unit in ("image", "stack") and call.has_pixels and lengths is None:
        raise SteeringError(
            f"{body.model_type}: its get_image_features was never called, so it is not known where "
            "each picture ends; was it replaced after steering began?"
        )
    if body.architecture.unit == "row":
        lengths = [count for count in is_image.sum(dim=1).tolist() if count]
    segment = image_segments(is_image, lengths, begins, last, unclear)
    if call.videos is None or body.video_token is None:
        return segment, is_image
    is_video = ids == body.video_token
    units = call.videos if video == "frame" else [[sum(frames)] for frames in call.videos]
    clips = image_segments(is_video, [length for unit in units for length in unit])
    clips = torch.where(clips > 0, clips + segment.max(), 0)
    return torch.where(clips > 0, clips, segment), is_image | is_video


def check_positions(body: Anatomy, call: Call, stock: Tensor) -> None:
    """Refuses position axes that the architecture's row does not tell of, and other lengths.

    Raises:
        SteeringError: see above.
    """
    axes = body.architecture.axes
    if (stock.dim() == 3 and (axes == 1 or stock.shape[0] not in (1, axes))) or stock.dim() > 3:
        raise SteeringError(
            f"{body.model_type}: positions of shape {tuple(stock.shape)} arrived at the rotary "
            f"embedding, {axes} axes were expected: this architecture is not supported yet"
        )
    assert call.tokens is not None
    length = call.tokens.segment.shape[1]
    if stock.shape[-1] not in (length, call.past + length):
        raise SteeringError(
            f"{body.model_type}: {stock.shape[-1]} positions arrived at the rotary embedding for "
            f"{length} tokens behind {call.past} cached ones"
        )


def read_tokens(
    body: Anatomy,
    call: Call,
    x: Tensor,
    kwargs: Mapping[str, Any],
    settings: tuple[Intervention, ...],
    video: VideoUnit,
) -> Tokens | None:
    """Finds the images of one call, together with those in its cache.

    Args:
        body: the model's parts.
        call: the call, with its ids; ``call.past`` and ``call.state`` are set here.
        x: the embeddings that enter the decoder, shape (B, L, D).
        kwargs: the decoder's keyword arguments.
        settings: the interventions that are on.
        video: what of a video counts as one image.

    Returns:
        The tokens, or None if there is no image that matters.

    Raises:
        SteeringError: the images cannot be told from what arrived.
    """
    assert call.ids is not None
    cache = kwargs.get("past_key_values")
    call.past = int(cache.get_seq_length()) if cache is not None else 0
    moves_positions = any(i.moves_positions() for i in settings)
    needs_index = moves_positions and body.architecture.axes > 1
    try:
        state = call.state = cache_state.load(cache, settings, call.past)
        before = state.surplus_before(call.past, x.shape[0]) if state is not None else None
        if not call.has_vision:
            if before is None or not moves_positions:
                return None
            # All text, even if a generated token happens to be the image token. A decode step
            # comes this way, so nothing is computed that is not needed.
            none = torch.zeros_like(call.ids)
            index = _index(body, call, x, kwargs, needs_index) if needs_index else none
            return Tokens(none, none.bool(), before.expand_as(none), index)
        segment, visual = _segments(body, call, video)
    except ValueError as error:
        note = f" ({body.architecture.note})" if body.architecture.note else ""
        raise SteeringError(f"{body.model_type}: {error}{note}") from error
    surplus = surplus_tokens(segment)
    index = _index(body, call, x, kwargs, needs_index)
    return Tokens(segment, visual, surplus if before is None else surplus + before, index)


def _index(
    body: Anatomy, call: Call, x: Tensor, kwargs: Mapping[str, Any], is_needed: bool
) -> Tensor:
    """The position of each token when every token counts one, shape (B, L).

    generate() puts it before the axes of M-RoPE. Otherwise it follows from the attention mask,
    or from the cache's length where nothing is masked. With one axis the rotary embedding's own
    positions will take its place.
    """
    batch, length = x.shape[:2]
    positions, mask = kwargs.get("position_ids"), call.mask
    if torch.is_tensor(positions):
        if positions.dim() == 3 and positions.shape[0] == body.architecture.axes + 1:
            return positions[0]
        if positions.dim() == 2:
            return positions
    if torch.is_tensor(mask) and mask.dim() == 2:
        return (mask.long().cumsum(dim=1) - 1).clamp(min=0)[:, -length:]
    if mask is not None and is_needed:
        raise SteeringError("a two-dimensional attention mask is needed to place the text")
    return (torch.arange(length, device=x.device) + call.past).expand(batch, length)
