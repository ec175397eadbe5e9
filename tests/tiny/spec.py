"""What a small random model of an architecture needs, so that one test can prove them all."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from packaging.version import Version
from torch import Generator, Tensor
from transformers import AutoModelForImageTextToText
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

INSTALLED = Version(transformers.__version__)
BEFORE_5 = INSTALLED.major < 5
PAD, BOS, EOS = 0, 1, 2
# Ids of text are 5 to 89; ids of markers and image tokens are above, and are never generated.
IMAGE, VIDEO, START, END, BREAK, AUDIO = 100, 101, 102, 103, 95, 118
VOCABULARY = 120
TEXT = dict(
    vocab_size=VOCABULARY,
    hidden_size=48,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=12,
    max_position_embeddings=512,
    pad_token_id=PAD,
    bos_token_id=BOS,
    eos_token_id=EOS,
)
# Vision towers that many families share: 28 x 28 pixels, 16 patches.
CLIP = dict(
    model_type="clip_vision_model",
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=28,
    patch_size=7,
    projection_dim=32,
)
SIGLIP = dict(
    model_type="siglip_vision_model",
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=28,
    patch_size=7,
    vision_use_head=False,
)

# A row of a prompt: a number is that many text tokens, a letter a picture of one of two sizes.
Row = Sequence[int | str]
Pictures = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """The tokens of one picture, as the family's processor writes them.

    Attributes:
        inside: ids from its first to its last image token, row breaks and tile markers included.
        before: ids that stand before it.
        after: ids that stand behind it.
    """

    inside: list[int]
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


def pixels(size: int = 28, tiles: int = 0) -> Callable[[str, Generator], Pictures]:
    """Square pictures of one size, with a tile axis if there are ``tiles``."""
    shape = (1, tiles, 3, size, size) if tiles else (1, 3, size, size)
    return lambda _, g: {"pixel_values": torch.randn(shape, generator=g)}


def joined(rows: list[list[Pictures]]) -> Pictures:
    """All pictures of a batch one behind the other, whichever row they belong to."""
    every = [picture for row in rows for picture in row]
    return {name: torch.cat([p[name] for p in every]) for name in every[0]} if every else {}


def no_extras(ids: Tensor, new: int) -> dict[str, Tensor]:
    """No arguments beyond ids, mask and pictures."""
    del ids, new
    return {}


def in_its_words(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a configuration as the installed transformers calls them."""
    words = {k: in_its_words(v) if isinstance(v, dict) else v for k, v in config.items()}
    if not BEFORE_5 or "rope_parameters" not in words:
        return words
    rope = words.pop("rope_parameters")
    outside = {k: rope[k] for k in ("rope_theta", "partial_rotary_factor") if k in rope}
    return words | {"rope_scaling": {k: v for k, v in rope.items() if k not in outside}} | outside


def decoder_of(model: Any) -> Any:
    """The text decoder; ``get_decoder`` of older versions may give a module around it."""
    found = model.get_decoder()
    for name in ("model", "language_model", "text_model"):
        if found.config.get_text_config() is not found.config:
            found = getattr(found, name, found)
    return found


def taken_by(model: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a forward pass without token types that this transformers does not know."""
    names = inspect.signature(model.forward).parameters
    return {k: v for k, v in batch.items() if k in names or not k.endswith("mm_token_type_ids")}


def marked_as(name: str) -> Callable[[Tensor, int], dict[str, Tensor]]:
    """An argument that is 1 at image tokens and 0 at others."""
    return lambda ids, new: {name: (ids == IMAGE).long()}


@dataclass(frozen=True)
class Tiny:
    """One architecture, made small.

    Attributes:
        config: arguments of the configuration class.
        layouts: tokens of a picture of size ``a`` and of size ``b``.
        picture: (size, generator) -> what the processor makes of one picture.
        collate: pictures by row -> the model's arguments.
        extras: (token ids, how many of them were generated) -> arguments that depend on them.
        axes: position axes.
        first: stock position of a row's first token.
        counts_padding: whether the stock model counts padding before it, too.
        beam: whether the stock model's beam search is right.
        beam_since: the first transformers in which it is.
        several: whether a row may have more than one picture.
        tokens: special tokens by their text, for families whose tiles the tokenizer tells apart;
            several ids for a text that the tokenizer writes in pieces.
        prepare: last changes to the built model.
        spread: standard deviation of the weights, so that a wrong position shows in the logits.
        since: the first transformers whose code of the family the rest is about.
    """

    config: Mapping[str, Any]
    layouts: Mapping[str, Layout]
    picture: Callable[[str, Generator], Pictures] = field(default_factory=lambda: pixels())
    collate: Callable[[list[list[Pictures]]], Pictures] = joined
    extras: Callable[[Tensor, int], dict[str, Tensor]] = no_extras
    axes: int = 1
    first: int = 0
    counts_padding: bool = False
    beam: bool = True
    beam_since: str = "0"
    several: bool = True
    tokens: Mapping[str, int | list[int]] = field(default_factory=dict)
    prepare: Callable[[Any], None] | None = None
    spread: float = 0.1
    since: str = "0"

    def build(self, name: str, **kwargs: Any) -> Any:
        """The model, with seeded random weights."""
        torch.manual_seed(0)
        config = CONFIG_MAPPING[name.split(":")[0]](**in_its_words(self.config))
        model = AutoModelForImageTextToText.from_config(config, **kwargs).eval()
        with torch.no_grad():
            for p in model.parameters():
                if p.ndim > 1:
                    p.normal_(0, self.spread)  # some start at zero
        if self.prepare is not None:
            self.prepare(model)
        generation = model.generation_config
        generation.pad_token_id, generation.bos_token_id = PAD, BOS
        generation.eos_token_id = None
        # A generated image token would break the recompute that the tests compare with.
        generation.suppress_tokens = list(range(90, VOCABULARY))
        return model

    @property
    def tokenizer(self) -> Any:
        """A stand-in that knows the special tokens."""
        return Tokenizer(self.tokens) if self.tokens else None

    def layout(self, row: Row) -> list[tuple[bool, list[int]]]:
        """The ids of a row in parts: (whether it is a picture, its ids). Text is random."""
        g = torch.Generator().manual_seed(zlib.crc32(repr(list(row)).encode()))
        parts: list[tuple[bool, list[int]]] = []
        for part in row:
            if isinstance(part, int):
                parts.append((False, torch.randint(5, 90, (part,), generator=g).tolist()))
            else:
                one = self.layouts[part]
                parts += [(False, one.before), (True, one.inside), (False, one.after)]
        return parts

    def pictures(self, rows: Sequence[Row]) -> Pictures:
        """Random pictures, as the processor would hand them over; a row has always the same."""
        made = []
        for row in rows:
            g = torch.Generator().manual_seed(1 + zlib.crc32(repr(list(row)).encode()))
            made.append([self.picture(part, g) for part in row if isinstance(part, str)])
        return self.collate(made) if any(made) else {}

    def inputs(self, rows: Sequence[Row]) -> dict[str, Any]:
        """A batch, padded on the left."""
        sequences = [[i for _, ids in self.layout(row) for i in ids] for row in rows]
        length = max(map(len, sequences))
        ids = torch.full((len(rows), length), PAD)
        for i, s in enumerate(sequences):
            ids[i, length - len(s) :] = torch.tensor(s)
        mask = torch.tensor([[0] * (length - len(s)) + [1] * len(s) for s in sequences])
        return {"input_ids": ids, "attention_mask": mask, **self.extras(ids, 0)} | self.pictures(
            rows
        )

    def extended(self, batch: dict[str, Any], ids: Tensor) -> dict[str, Any]:
        """The batch with generated ids behind it, for a recompute without a cache."""
        new = ids.shape[1] - batch["input_ids"].shape[1]
        mask = torch.nn.functional.pad(batch["attention_mask"], (0, new), value=1)
        return {**batch, "input_ids": ids, "attention_mask": mask, **self.extras(ids, new)}


@dataclass(frozen=True)
class Tokenizer:
    """Knows a few tokens by their text, as a real tokenizer does."""

    tokens: Mapping[str, int | list[int]]
    unk_token_id: None = None

    def convert_tokens_to_ids(self, token: str) -> int | None:
        """The id, or None."""
        number = self.tokens.get(token)
        return number if isinstance(number, int) else None

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """The ids of one of its texts."""
        del add_special_tokens
        number = self.tokens[text]
        return [number] if isinstance(number, int) else number
