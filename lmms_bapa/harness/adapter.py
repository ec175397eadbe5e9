"""The chat adapter ``hf_bapa``: any image-text-to-text model, with interventions by model_args."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from lmms_eval.api.instance import GenerationResult
from loguru import logger

from lmms_bapa import __version__
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.answering import answer
from lmms_bapa.harness.asking import AskingAdapter, failed
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.live import Loaded
from lmms_bapa.harness.loading import (
    check_config,
    choose_device,
    load_model,
    locate,
    steering_options,
    steering_row,
)
from lmms_bapa.harness.margins import YesNo
from lmms_bapa.harness.options import LoadOptions, describe, parse_options
from lmms_bapa.harness.preparation import Part, Preparation
from lmms_bapa.harness.spill import Spill
from lmms_bapa.harness.vision_once import VisionOnce
from lmms_bapa.interventions import Intervention
from lmms_bapa.steering import Steering, image_token_id, intervene


class HFBapa(AskingAdapter):
    """Batched greedy generation with left padding, on a CPU or an accelerator.

    See :mod:`lmms_bapa.harness.options` for its ``model_args``.

    Attributes:
        pictures: what :meth:`keep_pictures` returned, while it is in force.
    """

    backend = "transformers"
    options: LoadOptions

    def __init__(self, max_batch_size: Any = None, **model_args: Any) -> None:
        super().__init__()
        del max_batch_size  # the harness always passes it
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
    def check_checkpoint(cls, options: Any) -> None:
        """See the base class."""
        check_config(options, cls.preset, locate(options.pretrained))

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

    def check(self, *interventions: Intervention) -> None:
        """See the base class."""
        kept = self.interventions
        try:
            self._attach(interventions)
        finally:
            self._attach(kept)

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

    def facts(self) -> Loaded:
        """See the base class."""
        config = self.model.config
        template = getattr(self.processor, "chat_template", None)
        template = template or getattr(self.tokenizer, "chat_template", None)
        return Loaded(
            model_type=config.model_type,
            dtype=str(self.model.dtype).removeprefix("torch."),
            device=str(self.device),
            attn_implementation=getattr(config, "_attn_implementation", None),
            threads=torch.get_num_threads() if self.device.type == "cpu" else None,
            chat_template=template if isinstance(template, str) else None,
            peft=self.options.peft,
        )

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self._device

    def ask(self, batches: Sequence[list[Any]]) -> Iterator[list[GenerationResult]]:
        """See the base class."""
        for batch, parts in self._preparation.ahead(batches, self.task_dict):
            yield self._answer(batch, parts)

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
                raise failed(batch, part.rows, error) from error
            replies |= dict(zip(part.rows, answers, strict=True))
        return [replies[i] for i in range(len(batch))]
