"""The spatial probe as a task of the harness; the YAMLs in ``tasks/spatial_probe`` name its parts.

``dataset_kwargs`` of a YAML are the fields of :class:`lmms_bapa.probes.questions.ProbeSpec`. What a
YAML leaves out is as in ``tasks/spatial_probe/_spatial_probe_yaml``, so that ``task`` and ``class``
are enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
from lmms_eval.api.task import ConfigurableMessagesTask
from lmms_eval.utils import load_yaml_config
from PIL import Image
from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.reply import margin_of
from lmms_bapa.metrics.probe import parse_yes_no
from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.layouts import LAYOUTS
from lmms_bapa.probes.questions import GENERATOR_VERSION, PROMPT, ProbeSpec, plan
from lmms_bapa.resources import folder
from lmms_bapa.validation import one_line

# Of every probe; a layout adds its own. As in tasks/spatial_probe/_spatial_probe_yaml.
METRICS = (
    "accuracy",
    "chance",
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

_RECORDED = ("group", "cell", "rows", "place", "places", "asked")  # what metrics look at
_LOGGED = ("question_id", "cell", "asked", "caption", "answer")
_WHERE = ("layout", "rows", "canvas", "place", "shift", "left", "top", "side")


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fills what a YAML leaves out from the template of all probes.

    The version of the generator gets into the configuration in any case: the response cache
    looks at that, and not at pictures.

    Raises:
        UsageError: ``metadata`` or ``dataset_kwargs`` is not a mapping.
    """
    for key in ("metadata", "dataset_kwargs"):
        if not isinstance(config.get(key) or {}, Mapping):
            raise UsageError(f"{config['task']}: {key} should be a mapping of names to values")
    template = load_yaml_config(str(folder("tasks") / "spatial_probe" / "_spatial_probe_yaml"))
    metadata = {**template["metadata"], **(config.get("metadata") or {})}
    settings: dict[str, Any] = {**template, **config, "metadata": metadata}
    del settings["class"]
    return settings


class SpatialProbe(ConfigurableMessagesTask):  # type: ignore[misc]
    """A task whose documents are planned here instead of downloaded. For chat adapters."""

    def __init__(self, config: Mapping[str, Any], model_name: str | None = None) -> None:
        with visible_failures():
            super().__init__(config=with_defaults(config), model_name=model_name)

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None) -> None:
        """Plans the questions. No network, no disk: pictures are drawn when they are asked for.

        Raises:
            UsageError: ``dataset_kwargs`` is not a valid specification, or the YAML was written
                for another version of the generator.
        """
        name, generator = self.config.task, self.config.metadata["generator"]
        if generator != GENERATOR_VERSION:
            raise UsageError(
                f"{name}: metadata.generator is {generator!r}, but this version draws with "
                f"{GENERATOR_VERSION!r}: write that number into the YAML, or leave it out"
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
        One record per metric, plus what was asked, where, and the verdict for the sample log.
    """
    said = parse_yes_no(results[0])
    correct = int(said == doc["answer"].lower())
    margin = margin_of(results[0])
    record = {key: doc[key] for key in _RECORDED}
    record |= {"said": said, "correct": correct, "margin": margin}
    # The harness takes a standard error from every record that has a score; that of an accuracy
    # would be wrong beside a standard deviation or a worst cell.
    figures = (*METRICS, *LAYOUTS[doc["layout"]].figures)
    verdict: dict[str, Any] = dict.fromkeys(figures, record)
    for metric in METRICS_WITH_STANDARD_ERROR:
        verdict[metric] = record | {"score": correct}
    log = {key: doc[key] for key in _LOGGED} | {"where": {key: doc[key] for key in _WHERE}}
    return verdict | log | {"said": said, "score": float(correct), "margin": margin}
