"""The chat adapter ``hf_bapa``: any image-text-to-text model, with interventions by model_args."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, NoReturn

import torch
from accelerate import Accelerator
from datasets import Dataset
from lmms_eval import utils
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from loguru import logger
from tqdm import tqdm
from transformers import GenerationConfig

from lmms_bapa import __version__
from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.harness import probe_limits
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.loading import choose_device, load_model
from lmms_bapa.harness.messages import encode, move
from lmms_bapa.harness.options import describe, parse_options
from lmms_bapa.harness.shared_pictures import SharedPictures, encode_once, share_pictures
from lmms_bapa.interventions import Intervention
from lmms_bapa.steering import Steering, intervene

DEFAULT_NEW_TOKENS = 1024
BATCHES_AHEAD = 2
_GENERATION_KEYS = frozenset(GenerationConfig().to_dict()) - {"max_length", "until"}


class HFBapa(lmms):  # type: ignore[misc]
    """Batched greedy generation with left padding, on a CPU or an accelerator.

    See :mod:`lmms_bapa.harness.options` for its ``model_args``.

    Attributes:
        keep_loaded: the harness unloads a model after one evaluation; True keeps it for the next.
    """

    is_simple = False
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, max_batch_size: Any = None, **model_args: Any) -> None:
        super().__init__()
        del max_batch_size  # the harness always passes it
        self.keep_loaded = False
        with visible_failures():
            options = parse_options(model_args, self.defaults)
            self.options = options.load
            self.accelerator = Accelerator()
            if self.accelerator.num_processes > 1:
                self._device: torch.device = self.accelerator.device
                self._rank = self.accelerator.process_index
                self._world_size = self.accelerator.num_processes
            else:
                self._device = choose_device(self.options.device)
            is_steered = any(not i.is_identity for i in options.interventions)
            self.model, self.processor = load_model(self.options, self._device, is_steered)
            if self.options.device_map is not None:
                self._device = self.model.device  # where its first layers are
            share_pictures(self.processor)
            self.steering = Steering(self.model)
            self.steer(*options.interventions)

    def __repr__(self) -> str:
        # The harness's response cache takes a live model by its text.
        return (
            f"{type(self).__name__}({self.options.pretrained}, {describe(self.interventions)}, "
            f"lmms-bapa {__version__})"
        )

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What is in force."""
        return self.steering.interventions

    def steer(self, *interventions: Intervention) -> None:
        """Replaces the interventions of the loaded model."""
        self.steering.remove()
        self.steering = intervene(self.model, *interventions)
        body = self.steering.anatomy
        if self.rank == 0:
            kind, dtype = self.model.config.model_type, str(self.model.dtype).split(".")[-1]
            logger.info(
                f"lmms-bapa {__version__}: {self.options.pretrained} ({kind}, {dtype}, "
                f"{self.device}, batch {self.options.batch_size}): {describe(interventions)}"
            )
            if body is not None and not body.architecture.proven:
                logger.warning(
                    f"{kind} is not among the proven architectures: each run of image tokens is "
                    "taken for one image"
                )

    def clean(self) -> None:
        """Called by the harness after the last answer: frees the model for its scorers' sake."""
        if not self.keep_loaded:
            # The handle would keep the model alive.
            interventions = self.interventions
            self.steering.remove()
            self.steering = Steering(None)
            self.steering.interventions = interventions
            super().clean()

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self._device

    @property
    def batch_size(self) -> int:
        """Questions per forward pass."""
        return self.options.batch_size

    @property
    def tokenizer(self) -> Any:
        """The checkpoint's tokenizer."""
        return self.processor.tokenizer

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answers every request, in the order given.

        Raises:
            UsageError: a question that the model cannot be asked.
            RuntimeError: generation failed; an error is never an empty answer.
        """
        with visible_failures():
            if self.options.pretrained in EMBEDDED:
                probe_limits.check(
                    self.options.pretrained, self.tokenizer, requests, self.task_dict
                )
            order = utils.Collator(
                [request.args for request in requests],
                sort_fn=lambda args: (args[4], args[3]),  # a task's documents in their own order
                group_fn=lambda args: args[2],  # one set of generation arguments a batch
                grouping=True,
            )
            batches = list(order.get_batched(n=self.batch_size, batch_fn=None))
            replies: list[GenerationResult] = []
            with tqdm(total=len(requests), desc="Answering", disable=self.rank != 0) as bar:
                for batch, inputs in self._prepared(batches):
                    replies += self._answer(batch, inputs)
                    bar.update(len(batch))
            ordered: list[GenerationResult] = order.get_original(replies)
            return ordered

    def _prepared(self, batches: Iterable[list[Any]]) -> Iterator[tuple[list[Any], Any]]:
        """Reads and encodes the next batches while the model answers this one.

        One thread draws or decodes pictures, another preprocesses and tokenizes, each of them in
        order: tokenizers are not safe in two threads at once.
        """
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as encoder:
            coming: deque[tuple[list[Any], Future[Any]]] = deque()
            for batch in batches:
                read = reader.submit(self._read, batch)
                coming.append((batch, encoder.submit(self._encode, read)))
                if len(coming) > BATCHES_AHEAD:
                    ready, inputs = coming.popleft()
                    yield ready, inputs.result()
            for ready, inputs in coming:
                yield ready, inputs.result()

    def _read(self, batch: list[Any]) -> list[Any]:
        documents = fetch(self.task_dict, [(task, split, i) for _, _, _, i, task, split in batch])
        return [args[1](document) for args, document in zip(batch, documents, strict=True)]

    def _encode(self, read: Future[list[Any]]) -> tuple[Any, Any]:
        inputs = encode(self.processor, read.result())
        shared = self.processor.image_processor
        return inputs, shared.take_repeats() if isinstance(shared, SharedPictures) else None

    def _answer(self, batch: list[Any], encoded: tuple[Any, Any]) -> list[GenerationResult]:
        settings, stops = generation_settings(batch[0][2])
        inputs, repeats = encoded
        tensors = move(inputs, self.device, self.model.dtype)
        try:
            with torch.inference_mode():
                output = self.model.generate(
                    **encode_once(self.model, tensors, repeats),
                    **settings,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
        except Exception as error:
            ids = [args[3] for args in batch]
            raise RuntimeError(
                f"generation failed on {batch[0][4]}, documents {ids[0]} to {ids[-1]}: {error}"
            ) from error
        new = output[:, tensors["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        lengths = (new != self.tokenizer.pad_token_id).sum(dim=1).tolist()
        return [
            GenerationResult(text=cut_at(text, stops), token_counts=TokenCounts(output_tokens=n))
            for text, n in zip(texts, lengths, strict=True)
        ]

    def loglikelihood(self, requests: Sequence[Instance]) -> NoReturn:
        """Not offered: the harness gives chat adapters generation tasks only."""
        del requests
        with visible_failures():
            raise UsageError("tasks scored by log-likelihood need a simple adapter of the harness")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> NoReturn:
        """Not offered yet."""
        del requests
        with visible_failures():
            raise UsageError("multi-round tasks are not supported: choose a single-round task")


def fetch(task_dict: dict[str, Any], keys: Sequence[tuple[str, str, int]]) -> list[Any]:
    """Documents by (task, split, number). A data set reads many rows as fast as one."""
    found: dict[tuple[str, str, int], Any] = {}
    for task, split in dict.fromkeys(key[:2] for key in keys):
        documents = task_dict[task][split]
        wanted = list(dict.fromkeys(i for t, s, i in keys if (t, s) == (task, split)))
        is_table = isinstance(documents, Dataset)
        rows = documents.__getitems__(wanted) if is_table else [documents[i] for i in wanted]
        found |= {(task, split, i): row for i, row in zip(wanted, rows, strict=True)}
    return [found[key] for key in keys]


def generation_settings(asked: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Translates a task's generation arguments.

    Greedy unless the task asks for a temperature above 0. Arguments that transformers does not
    know are other adapters' business, as everywhere in the harness.

    Returns:
        Arguments of ``generate``, and the strings at which a reply ends.
    """
    asked = dict(asked)
    until = asked.pop("until", None) or []
    stops = [until] if isinstance(until, str) else list(until)
    temperature = asked.pop("temperature", 0) or 0
    settings = {k: v for k, v in asked.items() if k in _GENERATION_KEYS and v is not None}
    settings["do_sample"] = temperature > 0
    if temperature > 0:
        settings["temperature"] = temperature
    else:
        settings.pop("top_p", None)
        settings.pop("top_k", None)
    settings.setdefault("max_new_tokens", DEFAULT_NEW_TOKENS)
    return settings, [s for s in stops if s]


def cut_at(text: str, stops: Iterable[str]) -> str:
    """The text before the first of the stop strings."""
    for stop in stops:
        text = text.split(stop, 1)[0]
    return text
