"""What an engine's model class gets on top of its own: the two interventions, and their checks."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from lmms_bapa.interventions import Intervention
from lmms_bapa.steering.errors import SteeringError, UnsupportedModelError
from lmms_bapa.vllm import VARIABLE
from lmms_bapa.vllm.settings import from_text, to_text
from lmms_bapa.vllm.tokens import image_tokens, prompt_tokens, stock_with_next, with_next

if TYPE_CHECKING:
    from vllm.config import VllmConfig

# Below vLLM's own logger, which has its handlers in every process of an engine.
_LOGGER = logging.getLogger("vllm.lmms_bapa")
_LOST = (
    "lmms-bapa: pictures came to the language model past the intervention: the engine stops, since "
    "its answers would be the stock model's; was another plugin or an encoder's CUDA graph at work?"
)


class Steered:
    """Goes before the stock class of an architecture; see :mod:`lmms_bapa.vllm.models`.

    The settings are read once, when the engine's process builds the model. An image's tokens
    change where the vision encoder hands them over, once for each picture, before vLLM keeps them
    for later requests; positions change where a request gets them.

    Attributes:
        lmms_bapa_settings: the interventions in force, as text.
    """

    # The runner asks only a model whose configuration says so; see lmms_bapa.vllm.preparation.
    supports_mrope: ClassVar[Literal[True]] = True
    # Whether the stock class places its tokens itself, along the axes of M-RoPE.
    lmms_bapa_axes: ClassVar[int]

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        active = from_text(os.environ.get(VARIABLE, ""))
        super().__init__(vllm_config=vllm_config, prefix=prefix)  # type: ignore[call-arg]
        self._active: tuple[Intervention, ...] = active
        self._moves_positions = any(i.moves_positions() for i in active)
        self._width = vllm_config.model_config.get_hidden_size()
        self._made: dict[int, weakref.ref[Tensor]] = {}
        self._placed = False
        self.lmms_bapa_settings = to_text(active)
        if active:
            _check_rotary(type(self).__name__, self.get_language_model())  # type: ignore[attr-defined]
        _LOGGER.info(f"steered by {' + '.join(map(str, active)) or 'nothing'}")

    def embed_multimodal(self, **kwargs: Any) -> Any:
        """The stock image tokens, changed; one tensor for each picture."""
        features = super().embed_multimodal(**kwargs)  # type: ignore[misc]
        if features is None or not self._active:
            return features
        return self._keep([self._changed(item) for item in features])

    def embed_input_ids(
        self, input_ids: Tensor, multimodal_embeddings: Any = None, **kwargs: Any
    ) -> Tensor:
        """The stock embeddings of a step, if all image tokens in it are ours."""
        if self._active and multimodal_embeddings is not None and len(multimodal_embeddings):
            self._check(multimodal_embeddings)
        merged: Tensor = super().embed_input_ids(  # type: ignore[misc]
            input_ids, multimodal_embeddings, **kwargs
        )
        return merged

    def get_mrope_input_positions(
        self, input_tokens: Sequence[int], mm_features: Sequence[Any]
    ) -> tuple[Tensor, int]:
        """Positions of a request's prompt, shape (axes, L), and what decoding adds to them."""
        length = len(input_tokens)
        if self.lmms_bapa_axes > 1:
            stock, delta = super().get_mrope_input_positions(  # type: ignore[misc]
                input_tokens, mm_features
            )
        else:
            # One axis: vLLM keeps three, and forward takes the first.
            stock, delta = torch.arange(length).expand(3, -1), 0
        if not self._moves_positions:
            return stock, delta
        self._placed = True
        tokens = with_next(prompt_tokens(length, mm_features))
        positions = stock_with_next(stock.cpu(), delta)
        for method in self._active:
            if method.moves_positions():
                positions = method.positions(positions, tokens)
        moved = positions[:, 0].to(stock.device, stock.dtype)
        return moved[:, :length].contiguous(), int(moved[0, length]) - length

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The stock pass; a model with one axis gets one."""
        if self._moves_positions and self.lmms_bapa_axes == 1:
            if positions.ndim != 2:
                raise SteeringError(
                    "lmms-bapa: vLLM did not ask for the positions of requests: the engine stops, "
                    "since its answers would be the stock model's"
                )
            positions = positions[0]
        return super().forward(  # type: ignore[misc]
            input_ids, positions, intermediate_tensors, inputs_embeds, **kwargs
        )

    def _changed(self, item: Tensor) -> Tensor:
        """One picture's tokens, shape (..., columns), the first columns the embedding proper.

        Columns beyond the language model's width enter deeper layers (Qwen3-VL's deep stack);
        they stay, as in :mod:`lmms_bapa.steering`.
        """
        flat = item.reshape(-1, item.shape[-1])
        x = flat[:, : self._width].unsqueeze(0)
        tokens = image_tokens(len(flat), item.device)
        for method in self._active:
            if method.changes_embeddings():
                x = method.embeddings(x, tokens)
        return torch.cat([x[0], flat[:, self._width :]], dim=-1).reshape(item.shape)

    def _keep(self, items: list[Tensor]) -> list[Tensor]:
        """Notes what was handed over: vLLM keeps it, and merges parts of it later."""
        self._made = {place: ref for place, ref in self._made.items() if ref() is not None}
        self._made |= {_place(item): weakref.ref(item) for item in items}
        return items

    def _check(self, parts: Iterable[Tensor]) -> None:
        """Stops if image tokens are not ours, or no request was placed.

        Raises:
            SteeringError: see above.
        """
        is_ours = all(self._is_ours(part) for part in parts)
        if not is_ours or (self._moves_positions and not self._placed):
            raise SteeringError(_LOST)

    def _is_ours(self, part: Tensor) -> bool:
        known = self._made.get(_place(part))
        return known is not None and known() is not None


def _check_rotary(name: str, decoder: Any) -> None:
    """Refuses what transformers' side refuses, too: vLLM's classes take any language model."""
    if not any(type(m).__name__.endswith("RotaryEmbedding") for m in decoder.modules()):
        raise UnsupportedModelError(
            f"{name}: its decoder {type(decoder).__name__} has no rotary position embedding"
        )


def _place(tensor: Tensor) -> int:
    """The memory of a tensor; a slice shares it."""
    return tensor.untyped_storage().data_ptr()
