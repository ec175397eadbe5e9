"""Attaches interventions to a transformers model by hooks, and takes every trace away again."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from lmms_bapa.interventions import Intervention
from lmms_bapa.steering import cache_state, depth
from lmms_bapa.steering.architecture import Anatomy, anatomy
from lmms_bapa.steering.architectures import Architecture
from lmms_bapa.steering.errors import SteeringError, UnsupportedModelError
from lmms_bapa.steering.features import Encoding, frame_lengths, image_lengths
from lmms_bapa.steering.reading import (
    Call,
    VideoUnit,
    check_arguments,
    check_positions,
    check_prompt,
    read_call,
    read_tokens,
)

_LOGGER = logging.getLogger(__name__)
# Models that are steered now; a second handle on the same model would apply its changes on top.
_STEERED: weakref.WeakSet[nn.Module] = weakref.WeakSet()


class Steering:
    """A handle on a model whose image tokens or positions are changed on the way in.

    Positions are changed at the rotary modules only. Masks, the packed-sequence detection and
    the cache go on reading the stock position ids. Use it as a context manager, or call
    :meth:`remove`; either way nothing is left on the model.

    Example:
        ``with intervene(model, BaPA(), AGCI(0.3)): model.generate(...)``

    A cache that was filled under other settings is refused; one that was filled under steering and
    is used after it goes on as the stock model would, which no hook can notice.

    Args:
        model: a transformers vision-language model.
        interventions: applied in the order given; those that change nothing attach nothing.
        architecture: facts about the model's family; default: its row of the table.
        tokenizer: needed by the families whose tiles only the tokenizer tells apart.
        video: what counts as one image in a video: each ``frame`` that the vision encoder gives
            (Qwen's merge two sampled frames into one), or the whole ``clip``.

    Raises:
        UnsupportedModelError: the architecture cannot take an intervention.
        SteeringError: the model is steered already.
        TypeError, ValueError: an argument that would switch nothing on.
    """

    def __init__(
        self,
        model: Any,
        *interventions: Intervention,
        architecture: Architecture | None = None,
        tokenizer: Any = None,
        video: VideoUnit = "frame",
    ) -> None:
        check_arguments(interventions, video)
        self.interventions = interventions
        self._video = video
        self.active = tuple(i for i in interventions if not i.is_identity)
        self._moves_positions = any(i.moves_positions() for i in self.active)
        self.anatomy: Anatomy | None = None
        self._threads = threading.local()
        self._undo = ExitStack()
        if not self.active:
            return
        body = self.anatomy = anatomy(model, architecture, tokenizer)
        if self._moves_positions and body.layers and body.deaf_layers == body.layers:
            raise UnsupportedModelError(f"{body.model_type}: none of its layers uses positions")
        if body.base in _STEERED:
            raise SteeringError("this model is steered already: remove the other handle first")
        with ExitStack() as undo:
            self._attach(body, undo)
            _STEERED.add(body.base)
            undo.callback(_STEERED.discard, body.base)
            self._undo = undo.pop_all()
        for remark in body.remarks(self._moves_positions):
            _LOGGER.warning(remark)

    def __enter__(self) -> Steering:
        return self

    def __reduce_ex__(self, _: Any) -> Any:
        # A copy's hooks would look at this model, and stay when these are removed.
        raise SteeringError("remove the steering before the model is copied or pickled")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Takes every hook away. May be called more than once."""
        self._undo.close()
        self._call = None

    def _attach(self, body: Anatomy, undo: ExitStack) -> None:
        def keep(handle: RemovableHandle) -> None:
            undo.callback(handle.remove)

        base, decoder = body.base, body.decoder
        undo.callback(_forget_compiled)  # first in, last out: after the hooks are gone
        keep(base.register_forward_pre_hook(self._enter_base, with_kwargs=True))
        keep(base.register_forward_hook(self._leave_base, with_kwargs=True, always_call=True))
        keep(decoder.register_forward_pre_hook(self._enter_decoder, with_kwargs=True))
        keep(decoder.register_forward_hook(self._leave_decoder, with_kwargs=True))
        if self._moves_positions:
            for module in body.rotary:
                keep(module.register_forward_pre_hook(self._enter_rotary, with_kwargs=True))
        for layer in depth.layers_for(body, self.active):
            enter = functools.partial(self._enter_layer, layer)
            keep(layer.module.register_forward_pre_hook(enter, with_kwargs=True))
        self._watch(base, "get_image_features", self._see_images, undo)
        if body.architecture.video:
            self._watch(base, "get_video_features", self._see_videos, undo)
        _forget_compiled()

    def _watch(
        self, base: nn.Module, name: str, see: Callable[[Any, Any], None], undo: ExitStack
    ) -> None:
        """Shows what an encoding method of the base model returns, and its arguments."""
        stock: Any = getattr(base, name)
        own = base.__dict__.get(name)

        # generate() reads the signature, so the wrapper has to keep it.
        @functools.wraps(stock)
        def watched(*args: Any, **kwargs: Any) -> Any:
            features = stock(*args, **kwargs)
            see(features, inspect.signature(stock).bind(*args, **kwargs).arguments)
            return features

        def restore() -> None:
            if own is None:
                base.__dict__.pop(name, None)
            else:
                base.__dict__[name] = own

        base.__dict__[name] = watched
        undo.callback(restore)

    def _see_images(self, features: Any, arguments: Any) -> None:
        assert self.anatomy is not None
        is_stack = self.anatomy.architecture.unit == "stack"
        tiles = arguments["pixel_values"].shape[1] if is_stack else 1
        encoding = self._threads.images = Encoding.of(features, tiles)
        if self._call is not None:
            self._call.lengths = image_lengths(self.anatomy, features, encoding)

    def _see_videos(self, features: Any, arguments: Any) -> None:
        encoding = Encoding.of(features, grid=arguments.get("video_grid_thw"))
        self._threads.videos = encoding
        if self._call is not None:
            self._call.videos = frame_lengths(features, encoding)

    @property
    def _call(self) -> Call | None:
        """The forward pass that this thread is in."""
        return getattr(self._threads, "call", None)

    @_call.setter
    def _call(self, call: Call | None) -> None:
        self._threads.call = call

    # The hooks, in the order in which one forward pass meets them.

    def _enter_base(self, _: nn.Module, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        assert self.anatomy is not None
        self._call = None
        call = read_call(self.anatomy.base, args, kwargs)
        check_prompt(self.anatomy, call)
        encoded = kwargs.get("mm_encoder_outputs") or {}
        images, videos = encoded.get("image"), encoded.get("video")
        if images is not None:
            encoding = Encoding.behind(images, getattr(self._threads, "images", None))
            call.lengths = image_lengths(self.anatomy, images, encoding)
        if videos is not None and self.anatomy.architecture.video:
            encoding = Encoding.behind(videos, getattr(self._threads, "videos", None))
            call.videos = frame_lengths(videos, encoding)
        self._call = call

    def _enter_decoder(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        call, x = self._call, kwargs.get("inputs_embeds")
        if x is None:
            if call is None or not call.has_vision:
                return None
            raise SteeringError("the decoder got no embeddings, so nothing can be steered")
        if call is None or call.ids is None:
            raise SteeringError(
                "the decoder got merged embeddings without token ids, so its images cannot be "
                "found: pass input_ids (and pixel_values) to the whole model instead"
            )
        assert self.anatomy is not None
        call.tokens = read_tokens(self.anatomy, call, x, kwargs, self.active, self._video)
        if call.tokens is not None and call.has_vision:
            tokens = call.tokens.to(x.device)
            for intervention in self.active:
                if intervention.changes_embeddings():
                    x = intervention.embeddings(x, tokens)
            kwargs["inputs_embeds"] = x
        return args, kwargs

    def _enter_rotary(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        call = self._call
        if call is None or call.tokens is None:
            return None
        call.rotary_seen = True
        by_name = "position_ids" in kwargs
        stock = kwargs["position_ids"] if by_name else args[1]
        assert self.anatomy is not None
        check_positions(self.anatomy, call, stock)
        tokens = call.tokens.to(stock.device)
        positions = stock[..., -tokens.segment.shape[1] :]
        if stock.dim() == 2:
            tokens = replace(tokens, index=positions)
        for intervention in self.active:
            if intervention.moves_positions():
                positions = intervention.positions(positions, tokens)
        if self.anatomy.architecture.whole:
            positions = call.behind_cached(stock, positions)
        if by_name:
            return args, {**kwargs, "position_ids": positions}
        return (args[0], positions, *args[2:]), kwargs

    def _enter_layer(
        self, layer: depth.Layer, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        call = self._call
        if call is None or call.tokens is None or not call.has_vision:
            return None
        return depth.entered(layer, call.tokens, args, kwargs)

    def _leave_decoder(
        self, _: nn.Module, args: Sequence[Any], kwargs: dict[str, Any], output: Any
    ) -> None:
        del args
        call = self._call
        if call is None or call.ids is None:
            return
        if call.tokens is not None and self._moves_positions and not call.rotary_seen:
            raise SteeringError("the decoder never called its rotary embedding: nothing was moved")
        cache = kwargs.get("past_key_values")
        if cache is None:
            cache = getattr(output, "past_key_values", None)
        if cache is not None:
            length = call.ids.shape[1]
            cache_state.save(cache, self.active, call.past, length, call.tokens, call.positions)

    def _leave_base(self, *_: Any) -> None:
        self._call = None


def _forget_compiled() -> None:
    """Makes compiled models look again: by default they do not notice that hooks came or went."""
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


# The verb that user code reads best with: ``with intervene(model, BaPA(), AGCI(0.3)): ...``
intervene = Steering
