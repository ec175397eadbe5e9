"""From the harness's chat messages to the tensors of one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lmms_eval.protocol import ChatMessages
from PIL import Image

from lmms_bapa.errors import UsageError


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
    except (OSError, AttributeError, TypeError) as error:
        raise UsageError(f"a picture of the task cannot be read: {error}") from error


def encode(processor: Any, conversations: Sequence[list[dict[str, Any]]]) -> Any:
    """Renders and tokenizes a batch of conversations by the checkpoint's own processor.

    Args:
        processor: the checkpoint's processor.
        conversations: messages in the harness's format.

    Returns:
        A ``BatchFeature`` of tensors, padded on the left.

    Raises:
        UsageError: a conversation has a video or a sound.
    """
    texts, pictures = [], []
    for conversation in conversations:
        messages = ChatMessages(messages=conversation)
        images, videos, audios = messages.extract_media()
        if videos or audios:
            raise UsageError(
                "this adapter takes text and still images, the task has video or audio"
            )
        pictures.append([as_rgb(image) for image in images])
        texts.append(
            processor.apply_chat_template(
                messages.to_hf_messages(), tokenize=False, add_generation_prompt=True
            )
        )
    # As the processor's own chat call does it: a template that writes the first token itself
    # must not get a second one.
    bos = processor.tokenizer.bos_token
    has_bos = bos is not None and all(text.startswith(bos) for text in texts)
    # Some processors want one list of pictures a row; none of them takes an empty list there.
    nested = all(pictures)
    images = pictures if nested else [image for row in pictures for image in row]
    return processor(
        text=texts,
        images=images or None,
        padding=True,
        return_tensors="pt",
        add_special_tokens=not has_bos,
    )


def move(batch: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Puts a batch where the model is; pictures take the model's dtype."""
    return dict(batch.to(device, dtype))
