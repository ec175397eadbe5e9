"""The chat adapter ``vllm_bapa``: the answers of our transformers adapter, by an engine of vLLM."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from lmms_eval.api.instance import GenerationResult, TokenCounts
from loguru import logger

from lmms_bapa import __version__
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.asking import AskingAdapter, failed
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.live import Loaded
from lmms_bapa.harness.margins import YesNo
from lmms_bapa.harness.options import describe
from lmms_bapa.harness.reply import Reply
from lmms_bapa.harness.requests import cut_at, generation_settings
from lmms_bapa.harness.vllm.checkpoint import Opened, check_checkpoint, open_checkpoint
from lmms_bapa.harness.vllm.installed import quiet, require_vllm
from lmms_bapa.harness.vllm.options import VLLMOptions, parse_options
from lmms_bapa.harness.vllm.rendering import Question, Rendering
from lmms_bapa.harness.vllm.running import Running, arguments_of
from lmms_bapa.harness.vllm.sampling import margins, sampling_arguments
from lmms_bapa.interventions import Intervention
from lmms_bapa.vllm.architectures import check_architecture
from lmms_bapa.vllm.engine import engine_arguments
from lmms_bapa.vllm.settings import to_text


class VLLMBapa(AskingAdapter):
    """Prompts, replies and margins as of ``hf_bapa``; the engine is the harness's vLLM adapter's.

    See :mod:`lmms_bapa.harness.vllm.options` for its ``model_args``. The engine starts with the
    first question whose answer is not known, and once more whenever other interventions are asked
    for: an engine has one setting for all its life, since its caches do not know of any.
    """

    backend = "vllm"
    options: VLLMOptions

    def __init__(self, max_batch_size: Any = None, **model_args: Any) -> None:
        super().__init__()
        del max_batch_size  # the harness always passes it
        self._running: Running | None = None
        self._told: dict[str, str] = {}
        self._interventions: tuple[Intervention, ...] = ()
        with visible_failures():
            options = parse_options(model_args, self.preset.model_args)
            self.options = options.load
            require_vllm()
            quiet()
            self.accelerator = Accelerator()
            if self.accelerator.num_processes > 1:
                raise UsageError(
                    "vLLM starts its own processes: start one, without a launcher, and give "
                    "tensor_parallel_size for a model on several GPUs"
                )
            self._opened: Opened = open_checkpoint(self.options, self.preset)
            self.processor = self._opened.processor
            self._words = YesNo.of(self.tokenizer)
            self._rendering = Rendering(
                self.processor, self._opened.config, self._opened.image_token
            )
            self.steer(*options.interventions)

    @classmethod
    def check_checkpoint(cls, options: Any) -> None:
        """See the base class."""
        require_vllm()
        check_checkpoint(options, cls.preset)

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What is in force, or will be when the engine starts."""
        return self._interventions

    @property
    def device(self) -> torch.device:
        """Where the harness may put tensors of its own; the engine has its own device."""
        device: torch.device = self.accelerator.device
        return device

    def check(self, *interventions: Intervention) -> None:
        """See the base class."""
        engine_arguments(interventions, self.options.engine)
        if any(not i.is_identity for i in interventions):
            check_architecture(self._opened.config.architectures or [])

    def steer(self, *interventions: Intervention) -> None:
        """Notes the interventions, and ends an engine that has others."""
        self.check(*interventions)
        wanted = to_text(interventions)
        if self._running is not None and to_text(self._running.interventions) != wanted:
            self._stop()
        self._interventions = interventions
        logger.info(
            f"lmms-bapa {__version__}: {self.options.model} ({self._opened.config.model_type}, "
            f"vLLM, batch {self.options.batch_size}): {describe(interventions)}"
        )

    def facts(self) -> Loaded:
        """See the base class; the engine's own facts are known once it has run."""
        template = getattr(self.processor, "chat_template", None) or self.tokenizer.chat_template
        arguments = self._arguments()
        told = {k: v for k, v in self._told.items() if k not in ("dtype", "device")}
        return Loaded(
            model_type=self._opened.config.model_type,
            dtype=self._told.get("dtype") or _named(arguments["dtype"]),
            device=self._told.get("device"),
            chat_template=template if isinstance(template, str) else None,
            engine=told,
        )

    def _arguments(self) -> dict[str, Any]:
        return arguments_of(self.options, self._opened.source, self._opened.revision)

    def _engine(self) -> Running:
        """The engine; started if there is none."""
        if self._running is None:
            batch = self.options.batch_size
            self._running = Running(self._arguments(), self._interventions, batch)
            self._told = self._running.facts()
        return self._running

    def _stop(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            running.stop()
            gc.collect()

    def clean(self) -> None:
        """Called by the harness after the last answer: ends the engine for its scorers' sake."""
        if not self.keep_loaded:
            self._stop()
            super().clean()

    def ask(self, batches: Sequence[list[Any]]) -> Iterator[list[GenerationResult]]:
        """See the base class; the engine starts here, if there is anything to ask."""
        for batch in batches:
            self._settings(batch)  # what vLLM cannot do is said before it starts
        cut = 0
        for batch, questions in self._rendering.ahead(batches, self.task_dict):
            replies, short = self._answer(batch, questions)
            cut += short
            yield replies
        if cut:
            logger.warning(
                f"{cut} replies were cut off where max_model_len={self._told['max_model_len']} "
                "ends: raise it, or ask for shorter ones"
            )

    def _settings(self, batch: Sequence[Any]) -> tuple[dict[str, Any], list[str]]:
        """Arguments of ``vllm.SamplingParams``, and the strings at which a reply ends."""
        asked, defaults = batch[0][2], self._opened.generation
        settings, stops = generation_settings(asked, self.options.max_new_tokens)
        try:
            return sampling_arguments(settings, defaults, self._words), stops
        except UsageError as error:
            raise UsageError(f"{batch[0][4]}: {error}") from error

    def _answer(
        self, batch: list[Any], questions: Sequence[Question]
    ) -> tuple[list[GenerationResult], int]:
        """The replies to a batch, and how many of them the engine's length cut off."""
        settings, stops = self._settings(batch)
        own = [settings] * len(batch)
        if settings["temperature"] > 0:  # drawn from the harness's --seed
            seeds = torch.randint(2**31, (len(batch),)).tolist()
            own = [{**settings, "seed": seed} for seed in seeds]
        engine = self._engine()
        try:
            outputs = engine.generate([q.prompt for q in questions], own)
        except UsageError:
            raise
        except Exception as error:
            raise failed(batch, range(len(batch)), error) from error
        self._rendering.check(questions, [output.prompt_token_ids for output in outputs])
        found = [output.outputs[0] for output in outputs]
        ids = [list(one.token_ids) for one in found]
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        told = [one.logprobs[0] if one.logprobs else None for one in found]
        sure = [math.nan] * len(found) if self._words is None else margins(self._words, told)
        pad = self.tokenizer.pad_token_id
        replies = [
            GenerationResult(
                text=Reply(cut_at(text, stops), margin),
                token_counts=TokenCounts(output_tokens=sum(i != pad for i in own_ids)),
            )
            for text, margin, own_ids in zip(texts, sure, ids, strict=True)
        ]
        short = sum(
            one.finish_reason == "length" and len(own_ids) < settings["max_tokens"]
            for one, own_ids in zip(found, ids, strict=True)
        )
        return replies, short


def _named(dtype: str) -> str | None:
    """The name of a dtype, unless the engine will choose it."""
    return None if dtype == "auto" else dtype
