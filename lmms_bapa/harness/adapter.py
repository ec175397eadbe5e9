"""The chat adapter ``hf_bapa``: any image-text-to-text model, with interventions by model_args."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import torch
from accelerate import Accelerator
from lmms_eval import utils
from lmms_eval.api.instance import GenerationResult, Instance
from lmms_eval.api.model import lmms
from loguru import logger
from tqdm import tqdm

from lmms_bapa import __version__
from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.harness import probe_limits
from lmms_bapa.harness.answering import answer
from lmms_bapa.harness.arguments import check_model_arguments, model_arguments
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.loading import (
    choose_device,
    load_model,
    steering_options,
    steering_row,
)
from lmms_bapa.harness.margins import YesNo
from lmms_bapa.harness.options import describe, parse_options
from lmms_bapa.harness.preparation import Part, Preparation
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.reply import clean
from lmms_bapa.harness.spill import Spill
from lmms_bapa.harness.vision_once import VisionOnce
from lmms_bapa.interventions import Intervention
from lmms_bapa.steering import Steering, image_token_id, intervene


class HFBapa(lmms):  # type: ignore[misc]
    """Batched greedy generation with left padding, on a CPU or an accelerator.

    See :mod:`lmms_bapa.harness.options` for its ``model_args``.

    Attributes:
        keep_loaded: the harness unloads a model after one evaluation; True keeps it for the next.
        journal: remembers answers, for a run that goes on after it was killed: what its
            ``recall(batch)`` returns is not asked again (None: unknown), and each new answer goes
            to ``record(batch, replies)``. A batch is a list of the harness's request arguments.
        pictures: what :meth:`keep_pictures` returned, while it is in force.
    """

    is_simple = False
    preset: ClassVar[Preset] = Preset()

    def __init__(self, max_batch_size: Any = None, **model_args: Any) -> None:
        super().__init__()
        del max_batch_size  # the harness always passes it
        self.keep_loaded = False
        self.journal: Any = None
        self.pictures: VisionOnce | None = None
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
            row = steering_row(self.options, self.model.config)
            self._image_token = image_token_id(self.model.config, row)
            self._preparation = Preparation(self.processor, self.model.config, self._image_token)
            self._words = YesNo.of(self.tokenizer)
            self.steering = Steering(self.model)
            self.steer(*options.interventions)

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> HFBapa:
        """Called by the harness's command line with ``--model_args`` and its own options."""
        with visible_failures():
            check_model_arguments(arg_string, cls.preset, additional_config or {})
        return cls(**model_arguments(arg_string, additional_config or {}))

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
        self._attach(interventions)
        if self.rank == 0:
            kind, dtype = self.model.config.model_type, str(self.model.dtype).split(".")[-1]
            logger.info(
                f"lmms-bapa {__version__}: {self.options.pretrained} ({kind}, {dtype}, "
                f"{self.device}, batch {self.options.batch_size}): {describe(interventions)}"
            )

    def _attach(self, interventions: Sequence[Intervention]) -> None:
        self.steering.remove()
        if self.rank != 0:  # remarks are for one reader
            logging.getLogger("lmms_bapa").setLevel(logging.ERROR)
        facts = steering_options(self.options, self.model.config, self.processor)
        self.steering = intervene(self.model, *interventions, **facts)

    def keep_pictures(
        self, memory_bytes: int | None = None, folder: Path | None = None
    ) -> VisionOnce:
        """Prepares and encodes each picture once from now on, for several settings in a row.

        Batches are known by task, split and numbers of their documents, so the tasks must stay
        the same until :meth:`drop_pictures`.

        Args:
            memory_bytes: see :class:`Spill`.
            folder: see :class:`Spill`; the caller removes what a killed run left there.

        Returns:
            The wrapper, which counts the pictures that went through the encoder.
        """
        self.drop_pictures()
        interventions = self.interventions
        self.steering.remove()  # it goes on top
        self._preparation.store = Spill(memory_bytes, folder)
        self.pictures = VisionOnce(self.model, self._preparation.store)
        self._attach(interventions)
        return self.pictures

    def drop_pictures(self) -> None:
        """Forgets the pictures and leaves nothing of that on the model."""
        if self.pictures is None:
            return
        interventions = self.interventions
        self._forget()
        self._attach(interventions)

    def _forget(self) -> None:
        """Takes everything of ours off the model."""
        self.steering.remove()
        if self.pictures is not None:
            self.pictures.remove()
            self.pictures.store.close()
            self.pictures = self._preparation.store = None

    def clean(self) -> None:
        """Called by the harness after the last answer: frees the model for its scorers' sake."""
        if not self.keep_loaded:
            # The handle would keep the model alive.
            interventions = self.interventions
            self._forget()
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
            dirty = 0
            with tqdm(total=len(requests), desc="Answering", disable=self.rank != 0) as bar:
                for batch in self._answered(batches):
                    dirty += clean(batch)
                    replies += batch
                    bar.update(len(batch))
            if dirty:
                logger.warning(f"control characters were taken off {dirty} replies")
            ordered: list[GenerationResult] = order.get_original(replies)
            return ordered

    def _answered(self, batches: Sequence[list[Any]]) -> Iterator[list[GenerationResult]]:
        journal = self.journal
        known = [None if journal is None else journal.recall(batch) for batch in batches]
        unknown = [batch for batch, found in zip(batches, known, strict=True) if found is None]
        prepared = self._preparation.ahead(unknown, self.task_dict)
        for found in known:
            if found is None:
                batch, parts = next(prepared)
                found = self._answer(batch, parts)
                if journal is not None:
                    journal.record(batch, found)
            yield found

    def _answer(self, batch: list[Any], parts: list[Part]) -> list[GenerationResult]:
        replies: dict[int, GenerationResult] = {}
        for part in parts:
            try:
                answers = answer(
                    self.model,
                    self.tokenizer,
                    self._words,
                    part,
                    batch[0][2],
                    self.options.max_new_tokens,
                    self.device,
                )
            except UsageError:
                raise
            except Exception as error:
                ids = [batch[i][3] for i in part.rows]
                raise RuntimeError(
                    f"generation failed on {batch[0][4]}, documents {ids[0]} to {ids[-1]}: {error}"
                ) from error
            replies |= dict(zip(part.rows, answers, strict=True))
        return [replies[i] for i in range(len(batch))]

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
