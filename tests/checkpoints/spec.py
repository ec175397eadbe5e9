"""What makes a small checkpoint of a family."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForImageTextToText
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tests.tiny.spec import in_its_words

from .words import make_tokenizer

TEXT = dict(
    hidden_size=48,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=12,
    max_position_embeddings=4096,
)
# Vision towers that many families share: 56 x 56 pixels, 16 patches.
SIZE, PATCH = 56, 14
TOWER = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=SIZE,
    patch_size=PATCH,
)
SQUARE = {"height": SIZE, "width": SIZE}

Ids = Callable[[str], int]


def image_processor(name: str, **options: Any) -> Any:
    """An image processor, which transformers before 5 has by a longer name only."""
    found = getattr(transformers, name, None) or getattr(transformers, f"{name}Fast")
    return found(**options)


@dataclass(frozen=True)
class Checkpoint:
    """One family, made small.

    Attributes:
        adapter: the named adapter that is for it.
        config: arguments of the configuration class; ``ids`` gives a token's id. The text
            part gets the vocabulary's size and special tokens.
        processor: (tokenizer, arguments) -> its processor; the arguments have the chat template.
        template: its chat template, or None if checkpoints of the family have none.
        markers: special tokens without a name.
        named: special tokens that its tokenizer has as attributes.
        tokens: texts of the padding, first and last token, where they are unusual.
        adds_first: whether the tokenizer writes the first token; the template may, too.
        most: how many pictures a prompt may have.
        text_alone: whether a prompt may do without pictures.
        spread: standard deviation of the weights, so that replies differ from picture to picture.
        crops: whether the processor cuts a large picture into tiles.
        options: of the processor, which the adapter sets and which the checkpoint has otherwise.
        alike: whether a picture has as many tokens beside another one as alone.
        needs: a package that its processor or vision tower needs, beyond those of every install.
        since: the first transformers that such a checkpoint can be made with.
    """

    adapter: str
    config: Callable[[Ids], dict[str, Any]]
    processor: Callable[..., Any]
    template: str | None
    markers: Sequence[str] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str | None] = field(default_factory=dict)
    adds_first: bool = False
    most: int = 2
    text_alone: bool = True
    spread: float = 0.15
    crops: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    alike: bool = True
    needs: str | None = None
    since: str = "0"

    def save(self, name: str, folder: Path) -> Path:
        """Writes weights, configuration, tokenizer and processor.

        Args:
            name: its name in the table.
            folder: where to.
        """
        tokenizer = make_tokenizer(
            self.markers, self.named, adds_first=self.adds_first, **self.tokens
        )
        extra = {} if self.template is None else {"chat_template": self.template}
        try:
            processor = self.processor(tokenizer, **extra)
        except TypeError as error:
            # Before transformers 5, some take the tokenizer of their family only, and say which.
            own = re.findall(r"'(\w+TokenizerFast)'", str(error))
            if not own:
                raise
            tokenizer.__class__ = getattr(transformers, own[0])
            processor = self.processor(tokenizer, **extra)
        model = self.model(name, tokenizer)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder

    def model(self, name: str, tokenizer: Any) -> Any:
        """The model, with seeded random weights."""
        words = self.config(tokenizer.convert_tokens_to_ids)
        special = dict(
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        words["text_config"] |= special | {"vocab_size": len(tokenizer)}
        config = CONFIG_MAPPING[name.split(":")[0]](**in_its_words(words))
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(config).eval()
        with torch.no_grad():
            for p in model.parameters():
                if p.ndim > 1:
                    p.normal_(0, self.spread)
        generation = model.generation_config
        generation.update(**special)
        generation.suppress_tokens = unwritten(tokenizer)
        return model


def unwritten(tokenizer: Any) -> list[int]:
    """Ids that a trained model does not write: markers, and parts of characters.

    Replies are compared as texts, and parts of characters all look alike there.
    """
    markers = set(tokenizer.added_tokens_decoder) - {tokenizer.eos_token_id}
    texts = {i: tokenizer.decode([i]) for i in range(len(tokenizer)) if i not in markers}
    broken = {i for i, text in texts.items() if not (text.isascii() and text.isprintable())}
    return sorted(markers | broken)
