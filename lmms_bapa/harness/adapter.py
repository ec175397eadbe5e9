"""The chat adapter ``hf_bapa``: any image-text-to-text model, with interventions by model_args."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import torch
from accelerate import Accelerator
from lmms_eval import utils
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from loguru import logger
from tqdm import tqdm

from lmms_bapa import __version__
from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.harness import probe_limits
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.loading import (
    choose_device,
    load_model,
    steering_options,
    steering_row,
)
from lmms_bapa.harness.messages import (
    by_pictures,
    check_image_tokens,
    check_length,
    encode,
    move,
)
from lmms_bapa.harness.options import describe, parse_options
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.requests import cut_at, fetch, generation_settings
from lmms_bapa.harness.shared_pictures import SharedPictures, encode_once, share_pictures
from lmms_bapa.interventions import Intervention
from lmms_bapa.steering import Steering, image_token_id, intervene

BATCHES_AHEAD = 2


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
    repeats: torch.Tensor | None


class HFBapa(lmms):  # type: ignore[misc]
    """Batched greedy generation with left padding, on a CPU or an accelerator.

    See :mod:`lmms_bapa.harness.options` for its ``model_args``.

    Attributes:
        keep_loaded: the harness unloads a model after one evaluation; True keeps it for the next.
    """

    is_simple = False
    preset: ClassVar[Preset] = Preset()

    def __init__(self, max_batch_size: Any = None, **model_args: Any) -> None:
        super().__init__()
        del max_batch_size  # the harness always passes it
        self.keep_loaded = False
        with visible_failures():
            options = parse_options(model_args, self.preset.model_args)
            self.options = options.load
            self.accelerator = Accelerator()
            if self.accelerator.num_processes > 1:
                if self.options.device_map is not None:
                    raise UsageError(
                        "device_map is for one process: leave it out, or start without a launcher"
                    )
                self._device: torch.device = self.accelerator.device
                self._rank = self.accelerator.process_index
                self._world_size = self.accelerator.num_processes
            else:
                self._device = choose_device(self.options.device)
            is_steered = any(not i.is_identity for i in options.interventions)
            self.model, self.processor = load_model(
                self.options, self.preset, self._device, is_steered
            )
            if self.options.device_map is not None:
                self._device = self.model.device  # where its first layers are
            share_pictures(self.processor)
            row = steering_row(self.options, self.model.config)
            self._image_token = image_token_id(self.model.config, row)
            self.steering = Steering(self.model)
            self.steer(*options.interventions)

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> HFBapa:
        """Called by the harness's command line with ``--model_args`` and its own options."""
        given = utils.simple_parse_args_string(arg_string)
        with visible_failures():
            for name in given.keys() & {k for k, v in (additional_config or {}).items() if v}:
                raise UsageError(f"{name} is given twice: as --{name} and in --model_args")
        made: HFBapa = super().create_from_arg_string(arg_string, additional_config)
        return made

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
        if self.rank != 0:  # remarks are for one reader
            logging.getLogger("lmms_bapa").setLevel(logging.ERROR)
        facts = steering_options(self.options, self.model.config, self.processor)
        self.steering = intervene(self.model, *interventions, **facts)
        if self.rank == 0:
            kind, dtype = self.model.config.model_type, str(self.model.dtype).split(".")[-1]
            logger.info(
                f"lmms-bapa {__version__}: {self.options.pretrained} ({kind}, {dtype}, "
                f"{self.device}, batch {self.options.batch_size}): {describe(interventions)}"
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

    def _prepared(self, batches: Iterable[list[Any]]) -> Iterator[tuple[list[Any], list[Part]]]:
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

    def _encode(self, read: Future[list[Any]]) -> list[Part]:
        conversations, parts = read.result(), []
        shared = self.processor.image_processor
        for rows in by_pictures(conversations):
            part = [conversations[i] for i in rows]
            inputs = encode(self.processor, part)
            text_config = self.model.config.get_text_config()
            limit = getattr(text_config, "max_position_embeddings", None)
            check_length(inputs["attention_mask"], limit)
            if self._image_token is not None:
                check_image_tokens(inputs["input_ids"], part, self._image_token)
            repeats = shared.take_repeats() if isinstance(shared, SharedPictures) else None
            parts.append(Part(rows, inputs, repeats))
        return parts

    def _answer(self, batch: list[Any], parts: list[Part]) -> list[GenerationResult]:
        replies: dict[int, GenerationResult] = {}
        for part in parts:
            try:
                answers = self._generate(part, batch[0][2])
            except Exception as error:
                ids = [batch[i][3] for i in part.rows]
                raise RuntimeError(
                    f"generation failed on {batch[0][4]}, documents {ids[0]} to {ids[-1]}: {error}"
                ) from error
            replies |= dict(zip(part.rows, answers, strict=True))
        return [replies[i] for i in range(len(batch))]

    def _generate(self, part: Part, asked: dict[str, Any]) -> list[GenerationResult]:
        settings, stops = generation_settings(asked, self.options.max_new_tokens)
        tensors = move(part.inputs, self.device, self.model.dtype)
        with torch.inference_mode():
            output = self.model.generate(
                **encode_once(self.model, tensors, part.repeats),
                **settings,
                pad_token_id=self.tokenizer.pad_token_id,
            )
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
