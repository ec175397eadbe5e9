"""Probes that were built from somebody's pictures, as tasks of the harness.

``lmms-bapa probe build`` writes a folder with a YAML of a few lines; all else comes from
``tasks/spatial_probe_laion/_captioned_probe_yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import datasets
from lmms_eval.api.task import ConfigurableMessagesTask
from lmms_eval.utils import load_yaml_config
from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.probe_task import METRICS
from lmms_bapa.harness.reply import margin_of
from lmms_bapa.metrics.probe import parse_yes_no
from lmms_bapa.probes.captioned.canvas import Composer
from lmms_bapa.probes.captioned.folder import ProbeFolder
from lmms_bapa.probes.captioned.spec import CAPTIONED_VERSION
from lmms_bapa.resources import folder

_RECORDED = ("group", "cell", "rows", "asked")
_LOGGED = ("question_id", "cell", "asked", "caption", "answer")


class CaptionedProbe(ConfigurableMessagesTask):  # type: ignore[misc]
    """A task whose documents and pictures are in the folder of its YAML. For chat adapters."""

    kind: ClassVar[str] = "captioned"
    template: ClassVar[str] = "_captioned_probe_yaml"
    # Some thousand pictures at most: reading them all is seconds, and finds a change at once.
    check_contents: ClassVar[bool] = True

    def __init__(self, config: Mapping[str, Any], model_name: str | None = None) -> None:
        defaults = load_yaml_config(str(folder("tasks") / "spatial_probe_laion" / self.template))
        settings = {**defaults, **config}
        del settings["class"]
        with visible_failures():
            super().__init__(config=settings, model_name=model_name)

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None) -> None:
        """Reads the folder, and checks it against its manifest.

        Raises:
            UsageError: something is missing or was changed, or another version made the folder.
        """
        self.open_folder(dataset_kwargs or {})
        self.serve(datasets.Dataset.from_list(self.folder.documents()))

    def open_folder(self, dataset_kwargs: Mapping[str, Any]) -> None:
        """Finds the folder by its documents, whose place the harness fills in.

        Raises:
            UsageError: as for :meth:`download`.
        """
        name, metadata = self.config.task, self.config.metadata or {}
        if metadata.get("generator") != CAPTIONED_VERSION:
            raise UsageError(
                f"{name}: made by generator {metadata.get('generator')!r}, this version has "
                f"{CAPTIONED_VERSION!r}: build it again"
            )
        documents = Path(str(dataset_kwargs.get("data_files", "")))
        if not documents.is_file():
            raise UsageError(f"{name}: no {documents} beside its YAML: build it again")
        self.folder = ProbeFolder(documents.resolve().parent, self.kind, metadata)
        self.folder.check(contents=self.check_contents)
        self.composer = Composer(self.folder.read)

    def serve(self, documents: datasets.Dataset) -> None:
        """Makes ``documents`` the task's test split."""
        self.dataset = datasets.DatasetDict({self.config.test_split: documents})
        self.dataset_no_image = self.dataset

    def doc_to_visual(self, doc: Mapping[str, Any]) -> list[Image.Image]:
        """The canvas of a question; one object for all questions about it."""
        return [self.composer.compose(tuple(doc["pictures"]), doc["rows"], doc["canvas"])]


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
    verdict: dict[str, Any] = dict.fromkeys(METRICS, record)
    # See lmms_bapa.harness.probe_task: only an accuracy has a standard error.
    verdict["accuracy"] = record | {"score": correct}
    log = {key: doc[key] for key in _LOGGED}
    return verdict | log | {"said": said, "score": float(correct), "margin": margin}
