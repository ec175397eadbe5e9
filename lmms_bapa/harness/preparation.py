"""From the harness's requests to the tensors that a model is asked with, ahead of the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import BatchFeature

from lmms_bapa.harness.messages import by_pictures, check_image_tokens, check_length, encode
from lmms_bapa.harness.requests import fetch
from lmms_bapa.harness.shared_pictures import (
    GRID,
    SharedPictures,
    chosen,
    first_of_each,
    share_pictures,
)
from lmms_bapa.harness.spill import Spill

BATCHES_AHEAD = 2

Read = TypeVar("Read")
Prepared = TypeVar("Prepared")
Batch = list[Any]  # request arguments: context, messages, generation, document, task, split


@dataclass(frozen=True)
class Part:
    """Questions of a batch that go through the model together.

    Attributes:
        rows: their numbers in the batch.
        inputs: the processor's output.
        repeats: see :class:`SharedPictures`.
    """

    rows: list[int]
    inputs: Any
    repeats: Tensor | None

    def kept(self) -> dict[str, Any]:
        """Its form in a store: pixels that several rows share are there once."""
        inputs = dict(self.inputs)
        once = {} if self.repeats is None else _once(inputs, self.repeats)
        kept = {"rows": self.rows, "inputs": inputs | once, "repeats": self.repeats}
        return kept | {"once": list(once)}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Part:
        """The part that was kept."""
        inputs, repeats = kept["inputs"], kept["repeats"]
        if GRID in kept["once"]:
            inputs |= chosen(inputs, repeats.tolist())
        else:
            inputs |= {name: inputs[name][repeats] for name in kept["once"]}
        return cls(kept["rows"], BatchFeature(inputs), repeats)


def _once(inputs: dict[str, Any], repeats: Tensor) -> dict[str, Tensor]:
    """The pixels of each distinct picture, by name; only what can be repeated again exactly."""
    first = first_of_each(repeats)
    if GRID in inputs:
        return chosen(inputs, first) if len(inputs[GRID]) == len(repeats) else {}
    pixels = {n: v for n, v in inputs.items() if torch.is_tensor(v) and v.is_floating_point()}
    return {
        name: value[first]
        for name, value in pixels.items()
        if len(value) == len(repeats) and torch.equal(value[first][repeats], value)
    }


def ahead(
    batches: Iterable[Batch],
    read: Callable[[Batch], Read],
    prepare: Callable[[Batch, Future[Read]], Prepared],
) -> Iterator[tuple[Batch, Prepared]]:
    """Prepares the next batches in two threads while the model answers this one.

    Args:
        batches: lists of request arguments.
        read: what the first thread does with a batch.
        prepare: what the second one makes of that.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as encoder:
        coming: deque[tuple[Batch, Future[Prepared]]] = deque()
        for batch in batches:
            coming.append((batch, encoder.submit(prepare, batch, reader.submit(read, batch))))
            if len(coming) > BATCHES_AHEAD:
                ready, prepared = coming.popleft()
                yield ready, prepared.result()
        for ready, prepared in coming:
            yield ready, prepared.result()


def conversations_of(batch: Batch, task_dict: dict[str, Any]) -> list[Any]:
    """The messages of a batch's questions, read from their documents."""
    documents = fetch(task_dict, [(task, split, i) for _, _, _, i, task, split in batch])
    return [args[1](document) for args, document in zip(batch, documents, strict=True)]


class Preparation:
    """Reads, draws, preprocesses and tokenizes batches, and remembers them if it has a store.

    Args:
        processor: the checkpoint's; a picture that several rows show is preprocessed once from
            now on.
        config: the model's configuration.
        image_token: id of the image token, or None if it is not known.

    Attributes:
        store: where batches are kept, or None. A batch that is kept is known by its documents,
            by task, split and number: they have to stay the same while the store is used.
    """

    def __init__(self, processor: Any, config: Any, image_token: int | None) -> None:
        share_pictures(processor)
        self.store: Spill | None = None
        self._processor = processor
        text_config = config.get_text_config()
        self._limit: int | None = getattr(text_config, "max_position_embeddings", None)
        self._image_token = image_token

    def ahead(
        self, batches: Iterable[Batch], task_dict: dict[str, Any]
    ) -> Iterator[tuple[Batch, list[Part]]]:
        """Prepares the next batches while the model answers this one.

        One thread draws or decodes pictures, another preprocesses and tokenizes, each of them in
        order: tokenizers are not safe in two threads at once.

        Args:
            batches: lists of request arguments.
            task_dict: documents by task and split, as the harness gives them to a model.
        """
        return ahead(batches, lambda batch: self._read(batch, task_dict), self._parts)

    def _read(self, batch: Batch, task_dict: dict[str, Any]) -> list[Any] | None:
        """The batch's conversations; None if it is kept."""
        if self.store is not None and _identity(batch) in self.store:
            return None
        return conversations_of(batch, task_dict)

    def _parts(self, batch: Batch, read: Future[list[Any] | None]) -> list[Part]:
        conversations = read.result()
        if conversations is None:
            assert self.store is not None
            kept = self.store.get(_identity(batch))
            assert kept is not None
            return [Part.of(part) for part in kept]
        parts = [self._encode(conversations, rows) for rows in by_pictures(conversations)]
        if self.store is not None:
            self.store.put(_identity(batch), [part.kept() for part in parts])
        return parts

    def _encode(self, conversations: list[Any], rows: list[int]) -> Part:
        shown = [conversations[i] for i in rows]
        inputs = encode(self._processor, shown)
        check_length(int(inputs["attention_mask"].sum(dim=1).max()), self._limit)
        if self._image_token is not None:
            check_image_tokens(inputs["input_ids"], shown, self._image_token)
        shared = self._processor.image_processor
        repeats = shared.take_repeats() if isinstance(shared, SharedPictures) else None
        return Part(rows, inputs, repeats)


def _identity(batch: Batch) -> tuple[Any, ...]:
    return "batch", tuple((task, split, i, context) for context, _, _, i, task, split in batch)
