"""From the harness's requests to prompts of vLLM, equal to those that our other adapter shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.messages import (
    check_image_tokens,
    check_length,
    check_template,
    encode,
    read_conversations,
    refusal,
    text_ids,
)
from lmms_bapa.harness.preparation import Batch, ahead, conversations_of


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        conversation: messages in the harness's format.
        prompt: a ``TokensPrompt`` of vLLM: tokens as the checkpoint's template writes them, one
            or a few for each picture, and the pictures. vLLM puts the pictures' tokens in.
    """

    conversation: list[dict[str, Any]]
    prompt: dict[str, Any]


class Rendering:
    """Reads, draws, renders and tokenizes questions.

    Args:
        processor: the checkpoint's.
        config: the model's configuration.
        image_token: id of the image token, or None if it is not known.
    """

    def __init__(self, processor: Any, config: Any, image_token: int | None) -> None:
        self._processor = processor
        text_config = config.get_text_config()
        self._limit: int | None = getattr(text_config, "max_position_embeddings", None)
        self._image_token = image_token
        self._compared: set[bool] = set()
        self._one_thread = Lock()  # tokenizers are not safe in two at once

    def ahead(
        self, batches: Iterable[Batch], task_dict: dict[str, Any]
    ) -> Iterator[tuple[Batch, list[Question]]]:
        """Prepares the next batches while the engine answers this one; see :func:`ahead`."""

        def read(batch: Batch) -> list[Any]:
            return conversations_of(batch, task_dict)

        def questions(batch: Batch, conversations: Future[list[Any]]) -> list[Question]:
            del batch
            return self.questions(conversations.result())

        return ahead(batches, read, questions)

    def questions(self, conversations: Sequence[list[dict[str, Any]]]) -> list[Question]:
        """Conversations as prompts.

        Raises:
            UsageError: see :func:`lmms_bapa.harness.messages.encode`; or the text alone is too
                long for the model.
        """
        asked, pictures = read_conversations(self._processor, conversations)
        if not self._compared:
            check_template(self._processor, asked[:1])
        found = []
        for conversation, messages, images in zip(conversations, asked, pictures, strict=True):
            try:
                with self._one_thread:
                    ids = text_ids(self._processor, messages)
            except Exception as error:  # of a template
                raise refusal(self._processor, [messages], error) from error
            check_length(len(ids), self._limit)
            prompt: dict[str, Any] = {"prompt_token_ids": ids}
            if images:
                prompt["multi_modal_data"] = {"image": images}
            found.append(Question(conversation, prompt))
        return found

    def check(self, questions: Sequence[Question], prompts: Sequence[Sequence[int]]) -> None:
        """Looks at what became of the questions.

        Args:
            questions: what the engine was asked.
            prompts: the tokens of each, as the engine read them.

        Raises:
            UsageError: a picture left no trace; a prompt is too long for the model; or the engine
                reads a question otherwise than transformers: the first with pictures and the
                first without are compared.
        """
        check_length(max(map(len, prompts)), self._limit)
        rows = [torch.tensor(list(prompt)) for prompt in prompts]
        if self._image_token is not None:
            check_image_tokens(rows, [q.conversation for q in questions], self._image_token)
        for question, row in zip(questions, rows, strict=True):
            kind = "multi_modal_data" in question.prompt
            if kind not in self._compared:
                self._compare(question, row)
                self._compared.add(kind)

    def _compare(self, question: Question, row: torch.Tensor) -> None:
        with self._one_thread:
            wanted = encode(self._processor, [question.conversation])["input_ids"][0]
        if not torch.equal(row, wanted.cpu()):
            raise UsageError(
                f"vLLM reads a question as {len(row)} tokens and transformers as {len(wanted)}, "
                "not the same ones: answers would not compare: use --model hf_bapa"
            )
