"""From the harness's chat messages to the tensors of one batch."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jinja2 import TemplateError
from lmms_eval.protocol import ChatMessages
from PIL import Image
from torch import Tensor

from lmms_bapa.errors import UsageError
from lmms_bapa.validation import reason


def as_rgb(image: Any) -> Image.Image:
    """A picture of a task, given as an image or as a path.

    Raises:
        UsageError: it is neither, or cannot be read.
    """
    if isinstance(image, Image.Image):
        return image if image.mode == "RGB" else image.convert("RGB")
    try:
        with Image.open(image) as opened:
            return opened.convert("RGB")
    except (OSError, AttributeError, TypeError, ValueError, Image.DecompressionBombError) as error:
        said = textwrap.shorten(reason(error), 120)  # a picture as text would be a long line
        raise UsageError(f"a picture of the task cannot be read: {said}") from error


def by_pictures(conversations: Sequence[list[dict[str, Any]]]) -> list[list[int]]:
    """The numbers of the conversations with pictures, and of those without."""
    counts = [len(ChatMessages(messages=c).extract_media()[0]) for c in conversations]
    parts = [[i for i, n in enumerate(counts) if bool(n) == wanted] for wanted in (True, False)]
    return [part for part in parts if part]


def read_conversations(
    processor: Any, conversations: Sequence[list[dict[str, Any]]]
) -> tuple[list[list[dict[str, Any]]], list[list[Image.Image]]]:
    """Conversations as chat templates take them, and the pictures of each.

    Args:
        processor: the checkpoint's processor.
        conversations: messages in the harness's format.

    Raises:
        UsageError: a conversation has a video or a sound, or text that stands for a picture.
    """
    asked, pictures = [], []
    for conversation in conversations:
        messages = ChatMessages(messages=conversation)
        images, videos, audios = messages.extract_media()
        if videos or audios:
            raise UsageError(
                "this adapter takes text and still images, the task has video or audio"
            )
        pictures.append([as_rgb(image) for image in images])
        asked.append(messages.to_hf_messages())
    _check_texts(processor, asked)
    return asked, pictures


def encode(processor: Any, conversations: Sequence[list[dict[str, Any]]]) -> Any:
    """Renders and tokenizes conversations by the checkpoint's own processor.

    Many processors want one list of pictures a row and none of them takes an empty one, so text
    alone and text with pictures are best encoded apart (see :func:`by_pictures`).

    Args:
        processor: the checkpoint's processor.
        conversations: messages in the harness's format.

    Returns:
        A ``BatchFeature`` of tensors, padded on the left.

    Raises:
        UsageError: see :func:`read_conversations`; the template leaves pictures out; or the
            processor refuses the conversation.
    """
    asked, pictures = read_conversations(processor, conversations)
    try:
        return _process(processor, asked, pictures)
    except Exception as error:  # of a template, of a processor, of options that it was given
        raise refusal(processor, asked, error) from error


def refusal(processor: Any, asked: Sequence[list[dict[str, Any]]], error: Exception) -> UsageError:
    """What to say when a template or a processor refuses a question.

    Args:
        processor: the checkpoint's processor.
        asked: conversations as its template takes them.
        error: what it raised.

    Raises:
        UsageError: what to say is that the template leaves pictures out.
    """
    if not isinstance(error, TemplateError):
        check_template(processor, asked)
    return UsageError(f"{type(processor).__name__} refuses a question: {reason(error)}")


def text_ids(processor: Any, messages: list[dict[str, Any]]) -> list[int]:
    """The tokens of a rendered conversation before each picture's tokens take their places.

    Args:
        processor: the checkpoint's processor.
        messages: a conversation as its template takes it.
    """
    text = _render(processor, messages)
    coded = processor.tokenizer(
        text, add_special_tokens=not _has_bos(processor, [text]), truncation=False
    )
    return list(coded["input_ids"])


def _has_bos(processor: Any, texts: Sequence[str]) -> bool:
    """Whether the template writes the first token itself: it must not get a second one.

    The processors' own chat calls go by this.
    """
    bos = processor.tokenizer.bos_token
    return bos is not None and all(text.startswith(bos) for text in texts)


def _render(processor: Any, messages: list[dict[str, Any]]) -> str:
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _check_texts(processor: Any, asked: Sequence[list[dict[str, Any]]]) -> None:
    """Refuses text that would count as a picture; not every processor does."""
    tokens = [getattr(processor, name, None) for name in ("image_token", "boi_token")]
    parts = [part for row in asked for message in row for part in message["content"]]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    for token in tokens:
        if isinstance(token, str) and any(token in text for text in texts):
            raise UsageError(f"a question's text spells {token} out, which stands for a picture")


def check_template(processor: Any, asked: Sequence[list[dict[str, Any]]]) -> None:
    """Refuses a chat template that says the same with pictures and without.

    Raises:
        UsageError: it does.
    """

    def without_pictures(message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "content": [p for p in message["content"] if p["type"] != "image"]}

    bare = [[without_pictures(message) for message in row] for row in asked]
    for row, plain in zip(asked, bare, strict=True):
        if row != plain and _render(processor, row) == _render(processor, plain):
            raise UsageError(
                "the chat template leaves pictures out: give one with chat_template=FILE"
            )


def _process(
    processor: Any, asked: Sequence[list[dict[str, Any]]], pictures: Sequence[list[Any]]
) -> Any:
    texts = [_render(processor, messages) for messages in asked]
    nested = all(pictures)
    images = pictures if nested else [image for row in pictures for image in row]
    return processor(
        text=texts,
        images=images or None,
        padding=True,
        return_tensors="pt",
        add_special_tokens=not _has_bos(processor, texts),
        truncation=False,  # a saved tokenizer may cut prompts off
    )


def check_image_tokens(
    ids: Iterable[Tensor], conversations: Sequence[Any], image_token: int
) -> None:
    """Refuses a batch in which a picture left no trace in the prompt, or text looks like one.

    Args:
        ids: token ids, one row a question.
        conversations: the messages of each row.
        image_token: id of the image token.

    Raises:
        UsageError: fewer image tokens than pictures, or image tokens without pictures.
    """
    for row, conversation in zip(ids, conversations, strict=True):
        count = len(ChatMessages(messages=conversation).extract_media()[0])
        found = int((row == image_token).sum())
        if found < count:
            raise UsageError(
                f"a question with {count} picture(s) became a prompt with {found} image tokens: "
                "the chat template leaves pictures out, or the tokenizer cuts prompts off; give "
                "a template with chat_template=FILE"
            )
        if found and not count:
            raise UsageError(
                f"a question without pictures became a prompt with {found} image tokens: "
                "its text spells the image token out"
            )


def check_length(longest: int, limit: int | None) -> None:
    """Refuses a prompt that is longer than the model was made for.

    Args:
        longest: tokens of the longest prompt, those of its pictures among them.
        limit: the model's longest sequence, if its configuration names one.

    Raises:
        UsageError: a prompt is longer; answers would be nonsense and nothing would say so.
    """
    if limit is not None and longest > limit:
        raise UsageError(
            f"a question has {longest:,} tokens with its pictures, the model's limit is {limit:,}: "
            "show smaller pictures (max_pixels in --model_args, ratio of a shifted task)"
        )


def move(batch: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Puts a batch where the model is; pictures take the model's dtype."""
    return dict(batch.to(device, dtype))
