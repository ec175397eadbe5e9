"""The spatial probe as a task of the harness; the YAMLs in ``tasks/spatial_probe`` name its parts.

``dataset_kwargs`` of a YAML are the fields of :class:`lmms_bapa.probes.questions.ProbeSpec`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
from lmms_eval.api.task import ConfigurableMessagesTask
from PIL import Image
from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.validation import one_line
from lmms_bapa.metrics.probe import parse_yes_no
from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.questions import GENERATOR_VERSION, PROMPT, ProbeSpec, plan

# As in tasks/spatial_probe/_spatial_probe_yaml.
METRICS = (
    "accuracy",
    "balanced_accuracy",
    "yes_rate",
    "cell_accuracy",
    "cell_std",
    "cell_range",
    "cell_worst",
    "consistency",
    "unparsed",
)
METRICS_WITH_STANDARD_ERROR = ("accuracy",)


class SpatialProbe(ConfigurableMessagesTask):  # type: ignore[misc]
    """A task whose documents are planned here instead of downloaded. For chat adapters."""

    def __init__(self, config: Mapping[str, Any], model_name: str | None = None) -> None:
        settings = {key: value for key, value in config.items() if key != "class"}
        with visible_failures():
            super().__init__(config=settings, model_name=model_name)

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None) -> None:
        """Plans the questions. No network, no disk: pictures are drawn when they are asked for.

        Raises:
            UsageError: ``dataset_kwargs`` is not a valid specification, or the YAML was written
                for another version of the generator.
        """
        name, metadata = self.config.task, self.config.metadata or {}
        if metadata.get("generator") != GENERATOR_VERSION:
            raise UsageError(
                f"{name}: metadata.generator is {metadata.get('generator')!r}, but this version "
                f"draws with {GENERATOR_VERSION!r}: write that number into the YAML, so that "
                "cached answers to other pictures are not reused"
            )
        try:
            questions = list(plan(ProbeSpec(**(dataset_kwargs or {}))))
        except ValidationError as error:
            raise UsageError(f"{name}: dataset_kwargs: {one_line(error, ProbeSpec)}") from error
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
        documents = datasets.Dataset.from_list(questions)
        self.dataset = datasets.DatasetDict({self.config.test_split: documents})
        self.dataset_no_image = self.dataset


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The canvas of a question."""
    return [canvas_of(doc)]


def doc_to_text(doc: Mapping[str, Any]) -> str:
    """The question, in the paper's words."""
    return PROMPT.format(caption=doc["caption"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Scores one reply.

    Returns:
        One record per metric, plus the question's id, place and verdict for the sample log.
    """
    said = parse_yes_no(results[0])
    correct = int(said == doc["answer"].lower())
    record = {key: doc[key] for key in ("group", "cell", "rows", "asked")}
    record |= {"said": said, "correct": correct}
    # The harness takes a standard error from every record that has a score; that of an accuracy
    # would be wrong beside a standard deviation or a worst cell.
    verdict: dict[str, Any] = dict.fromkeys(METRICS, record)
    for metric in METRICS_WITH_STANDARD_ERROR:
        verdict[metric] = record | {"score": correct}
    log = {key: doc[key] for key in ("question_id", "cell", "asked", "caption", "answer")}
    return verdict | log | {"said": said, "score": float(correct)}
