"""Facts about architectures, and where an intervention takes hold of a given model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from lmms_bapa.steering.errors import UnsupportedModelError


@dataclass(frozen=True)
class Architecture:
    """What differs between model families, as data.

    Attributes:
        unit: what one entry of ``get_image_features().pooler_output`` is: a whole ``image``, or
            nothing to rely on, so that an image is a ``run`` of adjacent image tokens.
        axes: position axes of the rotary embedding: 1, or 3 for M-RoPE (time, height, width).
        proven: whether the test suite proves the family.
    """

    unit: Literal["image", "run"] = "run"
    axes: int = 1
    proven: bool = False


# One row a model type. A family that is not listed is treated by the defaults, and said to be
# unproven when an intervention is switched on.
ARCHITECTURES: dict[str, Architecture] = {
    "llava": Architecture(unit="image", proven=True),
    "qwen2_5_vl": Architecture(unit="image", axes=3, proven=True),
}


@dataclass(frozen=True)
class Anatomy:
    """The parts of one model that the hooks hold on to.

    Attributes:
        model_type: the configuration's model type.
        base: merges image features into the embeddings and calls the decoder.
        decoder: the language model.
        rotary: the decoder's rotary embedding modules.
        image_token: id of the image token.
        video_token: id of the video token, or None.
        architecture: the family's row.
    """

    model_type: str
    base: nn.Module
    decoder: nn.Module
    rotary: list[nn.Module] = field(repr=False)
    image_token: int
    video_token: int | None
    architecture: Architecture


def _token(config: Any, kind: str) -> int | None:
    for suffix in ("id", "index"):
        value = getattr(config, f"{kind}_token_{suffix}", None)
        if isinstance(value, int):
            return value
    return None


def _parent(model: nn.Module, child: nn.Module) -> nn.Module | None:
    return next((m for m in model.modules() if any(c is child for c in m.children())), None)


def _has_mrope(config: Any) -> bool:
    rope = getattr(config.get_text_config(), "rope_parameters", None) or {}
    return "mrope_section" in rope


def anatomy(model: Any) -> Anatomy:
    """Finds the parts of a transformers vision-language model.

    Raises:
        UnsupportedModelError: image tokens do not pass through a rotary decoder's embeddings, or
            cannot be found.
    """
    config = getattr(model, "config", None)
    kind = getattr(config, "model_type", None)
    if config is None or kind is None:
        raise UnsupportedModelError(f"{type(model).__name__} is not a transformers model")

    def refuse(reason: str) -> UnsupportedModelError:
        known = ", ".join(sorted(ARCHITECTURES))
        return UnsupportedModelError(f"{kind}: {reason} (proven architectures: {known})")

    if getattr(config, "is_encoder_decoder", False):
        raise refuse("encoder-decoder, its image tokens never enter the decoder's sequence")
    if getattr(config.get_text_config(), "cross_attention_layers", None):
        raise refuse("images enter through cross-attention, not through the token sequence")
    image_token = _token(config, "image")
    if image_token is None:
        raise refuse("the configuration names no image token, so images cannot be found")
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    base = _parent(model, decoder) if decoder is not None else None
    if decoder is None or decoder is model or base is None:
        raise refuse("no separate language model inside")
    if not hasattr(base, "get_image_features"):
        raise refuse("image features are not merged into the decoder's embeddings")
    rotary = [m for m in decoder.modules() if type(m).__name__.endswith("RotaryEmbedding")]
    if not rotary:
        raise refuse(f"its decoder {type(decoder).__name__} has no rotary position embedding")
    row = ARCHITECTURES.get(kind) or Architecture(axes=3 if _has_mrope(config) else 1)
    return Anatomy(kind, base, decoder, rotary, image_token, _token(config, "video"), row)
