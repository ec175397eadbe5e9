"""The relation probe as a task of the harness; ``tasks/spatial_relation_probe`` names its parts.

``dataset_kwargs`` of a YAML are the fields of :class:`lmms_bapa.probes.relations.RelationSpec`.
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
from lmms_bapa.harness.reply import margin_of
from lmms_bapa.metrics.probe import parse_yes_no
from lmms_bapa.probes.relations import (
    RELATIONS_VERSION,
    RelationSpec,
    plan_relations,
    question_text,
)
from lmms_bapa.probes.relations_canvas import relation_canvas
from lmms_bapa.validation import one_line

# As in tasks/spatial_relation_probe/_spatial_relation_probe_yaml.
METRICS = (
    "accuracy",
    "balanced_accuracy",
    "pair_accuracy",
    "relation_accuracy",
    "distance_accuracy",
    "yes_rate",
    "unparsed",
    "chance",
)
_LOGGED = ("question_id", "subject", "relation", "reference", "distance", "answer")


class RelationProbe(ConfigurableMessagesTask):  # type: ignore[misc]
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
        if metadata.get("generator") != RELATIONS_VERSION:
            raise UsageError(
                f"{name}: metadata.generator is {metadata.get('generator')!r}, but this version "
                f"draws with {RELATIONS_VERSION!r}: write that text into the YAML, so that "
                "cached answers to other pictures are not reused"
            )
        try:
            questions = list(plan_relations(RelationSpec(**(dataset_kwargs or {}))))
        except ValidationError as error:
            raise UsageError(f"{name}: dataset_kwargs: {one_line(error, RelationSpec)}") from error
        documents = datasets.Dataset.from_list(questions)
        self.dataset = datasets.DatasetDict({self.config.test_split: documents})
        self.dataset_no_image = self.dataset


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The canvas of a question."""
    return [relation_canvas(doc)]


def doc_to_text(doc: Mapping[str, Any]) -> str:
    """The question's words."""
    return question_text(doc["subject"], doc["relation"], doc["reference"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Scores one reply.

    Returns:
        One record per metric, plus the question's id, words and verdict for the sample log.
    """
    said, right = parse_yes_no(results[0]), doc["answer"].lower()
    correct = int(said == right)
    record = {key: doc[key] for key in ("group", "pair", "relation", "distance")}
    margin = margin_of(results[0])
    record |= {"answer": right, "said": said, "correct": correct, "margin": margin}
    verdict: dict[str, Any] = dict.fromkeys(METRICS, record)
    # The harness takes a standard error from every record that has a score.
    verdict["accuracy"] = record | {"score": correct}
    log = {key: doc[key] for key in _LOGGED}
    return verdict | log | {"said": said, "score": float(correct), "margin": margin}
