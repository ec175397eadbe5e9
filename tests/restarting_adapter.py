"""An adapter of a back end that is told its interventions when it starts, without any model.

It answers by a table: what is asked for, and whether BaPA is on, decide the reply. Its engines are
only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from accelerate import Accelerator
from lmms_eval.api.instance import GenerationResult

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.arguments import model_arguments
from lmms_bapa.harness.backends import parse_for
from lmms_bapa.harness.live import LiveAdapter, Loaded
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.vllm.options import VLLMOptions
from lmms_bapa.interventions import BaPA, Intervention

NAME = "vllm_bapa"


class Restarting(LiveAdapter):
    """See above.

    Attributes:
        engines: the interventions of every engine that was ever started, in order.
        alive: how many run now.
        dies_after: the answer after which it raises; None: never.
    """

    backend = "vllm"
    preset = Preset(backend="vllm")
    engines: ClassVar[list[tuple[Intervention, ...]]] = []
    alive: ClassVar[int] = 0
    dies_after: ClassVar[int | None] = None
    options: VLLMOptions
    _wanted: tuple[Intervention, ...]

    def __init__(self, **model_args: Any) -> None:
        super().__init__()
        parsed = parse_for(self.preset, model_args)
        self.options, self._wanted = parsed.load, parsed.interventions
        self.accelerator = Accelerator()
        self._running = False

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> Restarting:
        return cls(**model_arguments(arg_string, additional_config or {}))

    @classmethod
    def check_checkpoint(cls, options: Any) -> None:
        if options.pretrained == "refused":
            raise UsageError("model=refused: its architecture is not in the table")

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        return self._wanted

    @property
    def batch_size(self) -> int:
        return self.options.batch_size

    def check(self, *interventions: Intervention) -> None:
        if any(isinstance(one, BaPA) and one.strength == 0.5 for one in interventions):
            raise UsageError("bapa_strength=0.5: gives positions between whole numbers")

    def steer(self, *interventions: Intervention) -> None:
        self.check(*interventions)
        self._stop()
        self._wanted = interventions

    def facts(self) -> Loaded:
        return Loaded(model_type="llava", dtype="float32", engine={"kv_cache_dtype": "auto"})

    def clean(self) -> None:
        if not self.keep_loaded:
            self._stop()

    def _stop(self) -> None:
        Restarting.alive -= self._running
        self._running = False

    def _start(self) -> None:
        if not self._running:
            assert Restarting.alive == 0, "two engines at once"
            self._running = True
            Restarting.alive += 1
            Restarting.engines.append(self._wanted)

    def generate_until(self, requests: Sequence[Any]) -> list[GenerationResult]:
        arguments = [request.args for request in requests]
        size = self.batch_size
        replies: list[GenerationResult] = []
        for i in range(0, len(arguments), size):
            batch = arguments[i : i + size]
            found = None if self.journal is None else self.journal.recall(batch)
            if found is None:
                self._start()
                found = [self._reply(question) for question in batch]
                if self.journal is not None:
                    self.journal.record(batch, found)
                if Restarting.dies_after is not None:
                    Restarting.dies_after -= len(batch)
                    if Restarting.dies_after <= 0:
                        raise RuntimeError("the engine died")
            replies += found
        return replies

    def _reply(self, question: tuple[Any, ...]) -> GenerationResult:
        _, _, _, number, task, split = question
        doc = self.task_dict[task][split][number]
        wrong = {"Yes": "No", "No": "Yes"}[doc["answer"]]
        helped = any(isinstance(one, BaPA) for one in self._wanted)
        return GenerationResult(text=wrong if doc["cell"] < 3 and not helped else doc["answer"])

    def loglikelihood(self, requests: Any) -> Any:
        raise NotImplementedError

    def generate_until_multi_round(self, requests: Any) -> Any:
        raise NotImplementedError


def install(monkeypatch: pytest.MonkeyPatch) -> type[Restarting]:
    """Puts it in the place of ``vllm_bapa``."""
    own = {"__module__": presets.__name__, "__doc__": Restarting.__doc__}
    kind: type[Restarting] = type(NAME, (Restarting,), own)
    monkeypatch.setattr(presets, NAME, kind, raising=False)
    Restarting.engines.clear()
    Restarting.alive, Restarting.dies_after = 0, None
    return kind
