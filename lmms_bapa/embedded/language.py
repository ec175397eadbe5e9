"""The models' language: a word-level tokenizer, a chat template, and the processor."""

from __future__ import annotations

from string import Formatter
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
from transformers import CLIPImageProcessor, LlavaProcessor, PreTrainedTokenizerFast

from lmms_bapa.embedded.recipe import Architecture
from lmms_bapa.probes.questions import PROMPT
from lmms_bapa.probes.relations import RELATION_PROMPT, RELATIONS
from lmms_bapa.probes.vocabulary import COLOURS, CORE_OBJECTS

PAD, BOS, EOS, UNKNOWN, IMAGE = "<pad>", "<s>", "</s>", "<unk>", "<image>"
YES, NO = "Yes", "No"

_PUNCTUATION = Regex(r"[.:,;?!'\"]")

# A user turn's images become <image> tokens where they stand. A system turn is left out: it could
# only hold words that the models never learned.
_CHAT_TEMPLATE = """\
{{- bos_token }}
{%- for message in messages if message['role'] != 'system' %}
    {{- 'ASSISTANT: ' if message['role'] == 'assistant' else 'USER: ' }}
    {%- if message['content'] is string %}
        {{- message['content'] }}
    {%- else %}
        {%- for part in message['content'] %}
            {%- if part['type'] in ('image', 'image_url') %}
                {{- '<image>\n' }}
            {%- elif part['type'] == 'text' %}
                {{- part['text'] }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- eos_token if message['role'] == 'assistant' else ' ' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'ASSISTANT:' }}
{%- endif %}
"""


def instructions() -> list[str]:
    """The fixed sentences of the probe's prompt, each of which is one token."""
    lines = [line.strip() for line in PROMPT.splitlines()]
    return [line for line in lines if line and "{caption}" not in line]


def _words(splitter: pre_tokenizers.PreTokenizer) -> list[str]:
    """Every word that the probe, the chat template or an answer can hold."""
    text = f"{PROMPT.replace('{caption}', '')} {YES} {NO} USER: ASSISTANT: . , ? ! ' \""
    found = {word for word, _ in splitter.pre_tokenize_str(text)}
    return sorted(found | set(COLOURS) | set(CORE_OBJECTS))


def _relation_words(splitter: pre_tokenizers.PreTokenizer) -> list[str]:
    """What a relation question says besides; a relation is one token, however many its words."""
    fixed = " ".join(text for text, *_ in Formatter().parse(RELATION_PROMPT.splitlines()[0]))
    words = [word for word, _ in splitter.pre_tokenize_str(fixed)]
    return [*words, *(relation.words for relation in RELATIONS.values())]


def build_tokenizer(relations: bool = False) -> Any:
    """A tokenizer that knows the probe's words and nothing else.

    Args:
        relations: whether it knows those of the relation probe, too. They come last: all other
            words keep their numbers.
    """
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(_PUNCTUATION, "isolated")]
    )
    vocabulary = [PAD, BOS, EOS, UNKNOWN, IMAGE, *_words(splitter)]
    numbers = {word: number for number, word in enumerate(vocabulary)}
    words = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    words.pre_tokenizer = splitter
    # Sequences stay short if a sentence that never varies is one token. Its words are in the
    # vocabulary too, so another wording is still made of known words.
    words.add_tokens([AddedToken(sentence, normalized=False) for sentence in instructions()])
    if relations:
        known = set(words.get_vocab())
        new = [word for word in _relation_words(splitter) if word not in known]
        words.add_tokens([AddedToken(word, normalized=False, single_word=True) for word in new])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],  # old versions add token types
        clean_up_tokenization_spaces=False,
    )


def build_processor(sizes: Architecture, relations: bool = False) -> Any:
    """The processor: any canvas is scaled to the vision tower's size.

    Args:
        sizes: sizes of the model.
        relations: see :func:`build_tokenizer`.
    """
    side = {"height": sizes.image_pixels, "width": sizes.image_pixels}
    images = CLIPImageProcessor(
        size=side, crop_size=side, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=build_tokenizer(relations),
        patch_size=sizes.patch_pixels,
        vision_feature_select_strategy="default",
        chat_template=_CHAT_TEMPLATE,
        image_token=IMAGE,
        num_additional_image_tokens=1,
    )


def render(processor: Any, caption: str) -> str:
    """The chat text of one question of the spatial probe, with a single ``<image>``."""
    return render_text(processor, PROMPT.format(caption=caption))


def render_text(processor: Any, text: str) -> str:
    """The chat text of any words about a picture, with a single ``<image>``."""
    content = [{"type": "image"}, {"type": "text", "text": text}]
    turns = [{"role": "user", "content": content}]
    return str(processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
