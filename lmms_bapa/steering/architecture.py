"""Where an intervention takes hold of a given model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import transformers
from packaging.version import Version
from torch import nn

from lmms_bapa.steering.architectures import Architecture, row_of
from lmms_bapa.steering.errors import UnsupportedModelError

# The versions of transformers that the proof was run with; in between, families changed shape.
TESTED = ("4.57.6", "5.23.0")


def is_tested(version: str) -> bool:
    """Whether the proof was run with this version, or another patch of it."""
    return Version(version).release[:2] in [Version(v).release[:2] for v in TESTED]


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
        begin: ids of the token that opens an image (several, if the tokenizer writes it in
            pieces), or None.
        last: ids of the token right before an image's last tile, or None.
        unclear: ids of the token that leaves open where an image ends, or None.
        deaf_layers: how many decoder layers do not see positions.
        layers: how many decoder layers there are.
        architecture: the family's row.
    """

    model_type: str
    base: nn.Module
    decoder: nn.Module
    rotary: list[nn.Module] = field(repr=False)
    image_token: int
    video_token: int | None
    begin: tuple[int, ...] | None
    last: tuple[int, ...] | None
    unclear: tuple[int, ...] | None
    deaf_layers: int
    layers: int
    architecture: Architecture

    def remarks(self, moves_positions: bool) -> list[str]:
        """What a user should know before trusting a run, a line each."""
        lines = []
        if not is_tested(transformers.__version__):
            lines.append(
                f"transformers {transformers.__version__} was not tested, "
                f"{' and '.join(TESTED)} were: see what lmms-bapa verify says of your model"
            )
        if self.architecture.status != "proven":
            lines.append(
                f"{self.model_type} is not among the proven architectures: taken for one image "
                f"is {self.architecture.describe()}"
            )
        if moves_positions and self.deaf_layers:
            kinds = " and ".join(self.architecture.deaf) or "other"
            lines.append(
                f"{self.model_type}: positions reach {self.layers - self.deaf_layers} of "
                f"{self.layers} decoder layers; its {kinds} layers do not use them"
            )
        return lines


def image_token_id(config: Any, architecture: Architecture | None = None) -> int | None:
    """The id of a model's image token, or None if neither configuration nor facts name one."""
    own = _token(config, "image")
    return own if own is not None or architecture is None else architecture.image_token


def _token(config: Any, kind: str) -> int | None:
    for name in (f"{kind}_token_id", f"{kind}_token_index"):
        value = getattr(config, name, None)
        if isinstance(value, int):
            return value
    return None


def _marker(wanted: str | int | None, config: Any, tokenizer: Any) -> tuple[int, ...] | None:
    """The ids of a token named by id, by an attribute of the configuration, or by its text.

    Raises:
        LookupError: nothing of that name.
    """
    if wanted is None:
        return None
    value = wanted if isinstance(wanted, int) else getattr(config, wanted, None)
    if isinstance(value, int):
        return (value,)
    if tokenizer is None:
        raise LookupError(f"only the tokenizer's {wanted} tells: pass tokenizer=...")
    number = tokenizer.convert_tokens_to_ids(wanted)
    if number is not None and number != tokenizer.unk_token_id:
        return (int(number),)
    # Idefics3's tokenizer never learned its tile markers: the processor has them written in pieces.
    pieces = tuple(tokenizer.encode(wanted, add_special_tokens=False))
    if not pieces or tokenizer.unk_token_id in pieces:
        raise LookupError(f"{wanted} tells, which this tokenizer does not have")
    return pieces


def _language_model(model: Any) -> Any:
    """The text decoder, which has a configuration of text only.

    Before transformers 5, ``get_decoder`` of some families stops at the module around it.
    """
    found = model.get_decoder() if hasattr(model, "get_decoder") else model
    while (own := getattr(found, "config", None)) and own.get_text_config() is not own:
        names = ("language_model", "text_model", "model")
        inner = next((getattr(found, n) for n in names if hasattr(found, n)), None)
        if inner is None:
            break
        found = inner
    return found


def _merging(model: nn.Module, decoder: nn.Module) -> nn.Module | None:
    """The innermost module around the decoder that has the vision encoder's features."""
    around = [m for m in model.modules() if any(c is decoder for c in m.modules())]
    return next((m for m in reversed(around) if hasattr(m, "get_image_features")), None)


def _deaf_layers(config: Any, row: Architecture) -> list[bool]:
    """Whether each of the decoder's layers does without positions."""
    if row.heard is not None:
        return [not uses for uses in getattr(config, row.heard)[: config.num_hidden_layers]]
    rope = getattr(config, "rope_parameters", None) or {}
    types = getattr(config, "layer_types", None) or []
    # The parameters may be given for each type; None then says that it has no rotary embedding.
    return [kind in row.deaf or rope.get(kind, rope) is None for kind in types]


def _default_row(config: Any) -> Architecture:
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    return Architecture(axes=len(rope.get("mrope_section", [0])))


def _refusal(kind: str, reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"{kind}: {reason} (see: lmms-bapa models)")


def check_family(config: Any, architecture: Architecture | None = None) -> int:
    """Refuses what a configuration alone shows to be out of reach.

    Args:
        config: a model's configuration.
        architecture: facts about the family; default: its row of the table.

    Returns:
        The id of the image token.

    Raises:
        UnsupportedModelError: see above.
    """
    kind, row = config.model_type, architecture or row_of(config.model_type)
    if row is not None and row.status == "refused":
        raise _refusal(kind, row.note)
    if row is not None and Version(transformers.__version__) < Version(row.since):
        raise _refusal(kind, f"needs transformers {row.since} or newer")
    if getattr(config, "is_encoder_decoder", False):
        raise _refusal(kind, "encoder-decoder, its image tokens never enter the decoder's sequence")
    if getattr(config.get_text_config(), "cross_attention_layers", None):
        raise _refusal(kind, "images enter through cross-attention, not as tokens of the sequence")
    image_token = image_token_id(config, row)
    given = row.image_token if row is not None else None
    if given not in (None, image_token):
        raise _refusal(kind, f"image_token={given}, but its configuration says {image_token}")
    if image_token is None:
        raise _refusal(kind, "the configuration names no image token, so images cannot be found")
    return image_token


def anatomy(model: Any, architecture: Architecture | None = None, tokenizer: Any = None) -> Anatomy:
    """Finds the parts of a transformers vision-language model.

    Args:
        model: the model.
        architecture: facts about its family; default: its row of the table.
        tokenizer: needed by the families whose tiles are told apart by tokens that their
            configuration does not name.

    Raises:
        UnsupportedModelError: image tokens do not pass through a rotary decoder's embeddings, or
            cannot be found.
    """
    config = getattr(model, "config", None)
    kind = getattr(config, "model_type", None)
    if config is None or kind is None:
        raise UnsupportedModelError(f"{type(model).__name__} is not a transformers model")
    row = architecture or row_of(kind) or _default_row(config)
    image_token = check_family(config, row)

    def refuse(reason: str) -> UnsupportedModelError:
        return _refusal(kind, reason)

    decoder = _language_model(model)
    if decoder is model:
        raise refuse("no separate language model inside")
    base = _merging(model, decoder)
    if base is None:
        raise refuse("image features are not merged into the decoder's embeddings")
    if base is decoder:
        raise refuse("its decoder merges the pictures itself, where they cannot be reached")
    rotary = [m for m in decoder.modules() if type(m).__name__.endswith("RotaryEmbedding")]
    if not rotary:
        raise refuse(f"its decoder {type(decoder).__name__} has no rotary position embedding")
    try:
        wanted = (row.begin, row.last, row.unclear)
        begin, last, unclear = (_marker(m, config, tokenizer) for m in wanted)
    except LookupError as error:
        raise refuse(f"which tiles are one picture {error}") from error
    deaf = _deaf_layers(config.get_text_config(), row)
    video_token = _token(config, "video")
    return Anatomy(
        model_type=kind,
        base=base,
        decoder=decoder,
        rotary=rotary,
        image_token=image_token,
        # Some write frames with the image token; a video of theirs is told by its missing pictures.
        video_token=None if video_token == image_token else video_token,
        begin=begin,
        last=last,
        unclear=unclear,
        deaf_layers=sum(deaf),
        layers=len(deaf),
        architecture=row,
    )


def with_options(config: Any, **changes: Any) -> Architecture:
    """The facts about a model's family with some of them replaced.

    Args:
        config: the model's configuration.
        **changes: fields of :class:`Architecture`.

    Raises:
        ValueError: facts that do not go together.
    """
    row = row_of(config.model_type) or _default_row(config)
    if not changes or row.status == "refused":
        return row
    return dataclasses.replace(row, status="expected", note="facts replaced by hand", **changes)
