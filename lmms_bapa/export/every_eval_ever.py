"""``every-eval-ever``: records for the shared data store of evaluations, schema 0.3.0."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.eee import record
from lmms_bapa.export.eee.identity import Identity, identify, model_name, portable
from lmms_bapa.export.eee.public import details
from lmms_bapa.export.eee.results import TaskScores, evaluation_results, read_task
from lmms_bapa.export.eee.samples import rows, scored, why_not
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source
from lmms_bapa.results.folders import OFF, RunFolder
from lmms_bapa.results.scores import Scores, read_scores

Relationship = Literal["first_party", "third_party", "collaborative", "other"]
Weights = Literal["open_weights", "closed_weights", "unknown"]


@register
class EveryEvalEver(Exporter):
    """One aggregate record for each task of each setting, and its samples beside it."""

    name: ClassVar[str] = "every-eval-ever"
    summary: ClassVar[str] = "data/...: records and samples as Every Eval Ever takes them (0.3.0)"

    organization: str = Field(min_length=1, description="who measured and hands the records in")
    relationship: Relationship = Field(
        description="of that organization to the model's developer: first_party, third_party, "
        "collaborative or other"
    )
    model: Annotated[str, AfterValidator(model_name)] | None = Field(
        default=None, description="developer/name, if the checkpoint is no hub id"
    )
    collection: Annotated[str, AfterValidator(lambda v: portable(v, "collection"))] | None = Field(
        default=None, description="the folder below data; default: the task's name"
    )
    weights: Weights | None = Field(
        default=None, description="open_weights, closed_weights or unknown (default)"
    )
    samples: bool = Field(default=True, description="false: no sample files")

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        for run, task in source.pairs():
            found = read_task(run, task)
            if not found.scores:
                source.note(f"left out: {task} of {run.label}: no number in its results")
                continue
            yield from self._task(source, run, task, found)

    def _task(
        self, source: Source, run: RunFolder, task: str, found: TaskScores
    ) -> Iterator[ExportFile]:
        identity = identify(source, run, task, self.model, self.collection)
        if found.missing:
            source.note(f"left out of {task}, as they are no number: {', '.join(found.missing)}")
        read = _read(source, run, task)
        whole = self._record(source, run, task, identity, found, read)
        text, count = "", 0
        if read is not None and self.samples:
            text, count = self._samples(source, run, task, identity, found, read)
        if text:
            whole["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": str(identity.samples),
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(text.encode()).hexdigest(),
                "total_rows": text.count("\n"),
                "additional_details": details(
                    samples_without_a_score=count - text.count("\n") or None,
                    pictures="not in the file; metadata of each sample says which was shown",
                ),
            }
        yield ExportFile.text(identity.record, json.dumps(whole, indent=2, allow_nan=False) + "\n")
        if text:
            yield ExportFile.text(identity.samples, text)

    def _record(
        self,
        source: Source,
        run: RunFolder,
        task: str,
        identity: Identity,
        found: TaskScores,
        read: Scores | None,
    ) -> dict[str, Any]:
        moment = str(identity.moment)
        figures = None if read is None else source.figures(run, task)
        about = {
            "source_data": record.source_data(source, run, task),
            "evaluation_timestamp": moment,
            "generation_config": record.generation_config(source, run, task),
        }
        embedded = self.model is None and run.model in EMBEDDED
        weights = self.weights or ("open_weights" if embedded else "unknown")
        note = (
            "the model as it is"
            if run.label == OFF
            else "measured with a training-free intervention: not the score of the model itself"
        )
        return {
            "schema_version": record.VERSION,
            "evaluation_id": identity.evaluation,
            "retrieved_timestamp": moment,
            "evaluation_timestamp": moment,
            "source_metadata": {
                "source_name": "lmms-eval",
                "source_type": "evaluation_run",
                "source_organization_name": self.organization,
                "evaluator_relationship": self.relationship,
                "additional_details": details(
                    setting=run.label, note=note, left_out=found.missing or None
                ),
            },
            "eval_library": record.eval_library(source, run),
            "model_info": record.model_info(source, run, identity, weights),
            "evaluation_results": [
                {**about, **result}
                for result in evaluation_results(run, task, found, figures, read)
            ],
        }

    def _samples(
        self,
        source: Source,
        run: RunFolder,
        task: str,
        identity: Identity,
        found: TaskScores,
        read: Scores,
    ) -> tuple[str, int]:
        """The sample file as a text, empty where there can be none, and how many were logged."""
        samples = scored(run.samples(task), read)
        if reason := why_not(samples):
            source.note(f"no sample file: {task}: {reason}")
            return "", len(samples)
        lines = rows(run, task, identity, samples, found, read)
        return "".join(f"{line}\n" for line in lines), len(samples)


def _read(source: Source, run: RunFolder, task: str) -> Scores | None:
    """The score of each sample; None, with a word, where none was logged or none can be read.

    Raises:
        UsageError: the log is cut off.
    """
    if not run.log(task).is_file():
        source.note(f"no sample file and no interval: {task}: no samples were logged ({run.label})")
        return None
    run.samples(task)
    try:
        return read_scores(run, task)
    except UsageError as error:
        source.note(f"no sample file and no interval: {error}")
        return None
