"""A small tokenizer, trained here, and chat templates in the styles of the families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "Is there a red star in the image? Answer Yes or No.",
    "USER: what is in the picture? ASSISTANT: a blue key",
    "user system assistant model",
]


@cache
def _bpe() -> str:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=sorted(alphabet), show_progress=False
    )
    bpe.train_from_iterator(CORPUS * 3, trainer)
    return str(bpe.to_str())


def make_tokenizer(
    markers: Sequence[str],
    named: Mapping[str, str],
    pad: str = "<pad>",
    bos: str | None = "<s>",
    eos: str = "</s>",
    adds_first: bool = False,
) -> Any:
    """A byte-level BPE.

    Args:
        markers: special tokens without a name.
        named: special tokens that the tokenizer has as attributes, such as ``image_token``.
        pad: the padding token.
        bos: the first token.
        eos: the last token.
        adds_first: whether it writes the first token, as Llama's does.
    """
    bpe = Tokenizer.from_str(_bpe())
    texts = dict.fromkeys(t for t in (pad, bos, eos, *markers, *named.values()) if t)
    bpe.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in texts])
    if adds_first:
        bpe.post_processor = TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(str(bos), bpe.token_to_id(str(bos)))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=pad,
        bos_token=bos,
        eos_token=eos,
        extra_special_tokens=dict(named),
        model_input_names=["input_ids", "attention_mask"],  # as these families' tokenizers have it
        padding_side="right",  # as training leaves it; the adapter has to turn it
    )


def chat(image: str, opening: str, closing: str, asking: str, first: str = "") -> str:
    """A chat template.

    Args:
        image: what stands for a picture.
        opening: before a message; ``ROLE`` is its role.
        closing: behind a message.
        asking: opens the reply.
        first: before all messages.
    """
    opening = opening.replace("ROLE", "{{ m['role'] }}")
    return (
        f"{first}{{% for m in messages %}}{opening}"
        "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
        f"{{% if c['type'] == 'image' %}}{image}"
        "{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}"
        f"{closing}{{% endfor %}}{{% if add_generation_prompt %}}{asking}{{% endif %}}"
    )


def chatml(image: str) -> str:
    """The style of Qwen and many others."""
    return chat(image, "<|im_start|>ROLE\n", "<|im_end|>\n", "<|im_start|>assistant\n")
