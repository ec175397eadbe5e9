"""What all back ends do alike: questions in batches, replies in order, a journal."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, Self

from lmms_eval import utils
from lmms_eval.api.instance import GenerationResult, Instance
from loguru import logger
from tqdm import tqdm

from lmms_bapa import __version__
from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.harness import probe_limits
from lmms_bapa.harness.arguments import check_model_arguments, model_arguments
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.live import LiveAdapter
from lmms_bapa.harness.options import describe
from lmms_bapa.harness.reply import clean


class AskingAdapter(LiveAdapter):
    """A chat adapter that generates replies to single questions.

    Attributes:
        processor: the checkpoint's processor.
    """

    processor: Any

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> Self:
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
    def tokenizer(self) -> Any:
        """The checkpoint's tokenizer."""
        return self.processor.tokenizer

    @property
    def batch_size(self) -> int:
        """Questions per forward pass, or handed to an engine at once."""
        size: int = self.options.batch_size
        return size

    @abstractmethod
    def ask(self, batches: Sequence[list[Any]]) -> Iterator[list[GenerationResult]]:
        """Asks the model batches of questions: lists of the harness's request arguments.

        Returns:
            The replies to each batch, one batch after another.
        """

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answers every request, in the order given.

        Raises:
            UsageError: a question that the model cannot be asked.
            RuntimeError: generation failed; an error is never an empty answer.
        """
        with visible_failures():
            name = self.options.pretrained
            if name in EMBEDDED:
                probe_limits.check(name, self.tokenizer, requests, self.task_dict)
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
        """The replies to each batch, from the journal where they are known."""
        journal = self.journal
        known = [None if journal is None else journal.recall(batch) for batch in batches]
        unknown = [batch for batch, found in zip(batches, known, strict=True) if found is None]
        asked = self.ask(unknown)
        for batch, found in zip(batches, known, strict=True):
            if found is None:
                found = next(asked)
                if journal is not None:
                    journal.record(batch, found)
            yield found
        next(asked, None)  # so that what it does behind the last batch is done

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


def failed(batch: Sequence[Any], rows: Sequence[int], error: Exception) -> RuntimeError:
    """What to raise when a model fails on questions of a batch.

    Args:
        batch: request arguments.
        rows: which of them.
        error: of the model.

    Raises:
        KeyboardInterrupt: that is behind the error: what fails while others clean up hides it.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            raise cause
        cause = cause.__context__
    ids = [batch[i][3] for i in rows]
    return RuntimeError(
        f"generation failed on {batch[0][4]}, documents {ids[0]} to {ids[-1]}: {error}"
    )
