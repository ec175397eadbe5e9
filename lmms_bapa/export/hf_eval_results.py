"""``hf-eval-results``: files for the folder ``.eval_results`` of a model's repository."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any, ClassVar

import huggingface_hub
import yaml
from pydantic import Field

from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.hub import (
    check_whole,
    circumstances,
    config_of,
    data_set,
    main_value,
)
from lmms_bapa.export.naming import STOCK, check_note, phrase
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source, folder_name
from lmms_bapa.export.tables import run_with
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.results.moment import moment
from lmms_bapa.shift.spec import is_shifted

_NOT_CHECKED = (
    "Not checked, since nothing is fetched: whether the data sets are registered as benchmarks on "
    "the hub, and whether their eval.yaml has these task ids."
)


@register
class HfEvalResults(Exporter):
    """One file a setting; the hub shows a score under the model in whose repository it lies."""

    name: ClassVar[str] = "hf-eval-results"
    summary: ClassVar[str] = ".eval_results/*.yaml for a model's repository; steered ones need note"

    note: str | None = Field(
        default=None,
        description="names what was in force, with its strength; {intervention} stands for it",
    )
    dataset: str | None = Field(
        default=None, pattern=r"^[\w.-]+/[\w.-]+$", description="id of the benchmark on the hub"
    )
    task_id: str | None = Field(default=None, description="the task in the benchmark's eval.yaml")
    metric: str | None = Field(default=None, description="default: the task's first")
    url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="where the evaluation is to be seen"
    )

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        entry, to_plain = _format()
        named = next((k for k in ("dataset", "task_id", "metric") if getattr(self, k)), None)
        if named and len(source.tasks) > 1:
            raise UsageError(
                f"{named}= is of one task: choose it with --tasks ({', '.join(source.tasks)})"
            )
        notes = {
            run.label: check_note(self._note_of(source, run), source.interventions(run), run.label)
            for run in source.runs
        }
        source.note(_NOT_CHECKED)
        for label, note in notes.items():
            entries = [entry(**fields) for fields in self._entries(source, label, note)]
            if entries:
                data = yaml.safe_dump(
                    to_plain(entries), sort_keys=False, allow_unicode=True, width=1000
                )
                name = f".eval_results/lmms-eval_{folder_name(label)}.yaml"
                yield ExportFile.text(name, f"{_head(source, label)}{data}")

    def _entries(self, source: Source, label: str, note: str) -> Iterator[dict[str, Any]]:
        """What the entries of a setting are made from.

        Raises:
            UsageError: a task has no value for the hub, or two are one there.
        """
        seen: dict[tuple[str, str], str] = {}
        for task in source.tasks:
            run = run_with(source, label, task)
            if run is None:
                continue
            made = self._entry(source, run, task, note)
            other = seen.setdefault((made["dataset_id"], made["task_id"]), task)
            if other != task:
                raise UsageError(
                    f"{other} and {task} are both {made['task_id']} of {made['dataset_id']}: "
                    "choose one with --tasks"
                )
            yield made

    def _note_of(self, source: Source, run: RunFolder) -> str | None:
        """The user's note, which is about the steered settings if there are both kinds."""
        if source.interventions(run):
            return self.note
        return self.note if all(not source.interventions(r) for r in source.runs) else None

    def _entry(self, source: Source, run: RunFolder, task: str, note: str) -> dict[str, Any]:
        found = data_set(run, task)
        if found is None and self.dataset is None:
            raise UsageError(
                f"{task}: is made by lmms-bapa, or of local data, so no benchmark of the hub: "
                "leave it out with --tasks, or give dataset=owner/name if it is registered there"
            )
        check_whole(run, task)
        value = main_value(run, task, self.metric)
        told = [] if note else [f"{STOCK}, no intervention"]
        told += [note] if note else []
        if is_shifted(config_of(run, task)):
            told.append("of the unshifted pictures of a task that also shifts them")
        told.append(f"lmms-eval task {task}, metric {value.metric}, value as lmms-eval gave it")
        return {
            "dataset_id": self.dataset or (found.id if found else ""),
            "task_id": self.task_id or (found.config if found else None) or "default",
            "value": value.value,
            "dataset_revision": found.revision if found and not self.dataset else None,
            "date": moment(run).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "source_url": self.url,
            "notes": "; ".join([*told, *circumstances(source, run)]),
        }


def _head(source: Source, label: str) -> str:
    """The comment in front: what was in force, and what was not checked."""
    run = next(run for run in source.runs if run.label == label)
    model = " ".join(source.model_name.split())
    return f"# Results of {model}: {phrase(source.interventions(run))}.\n# {_NOT_CHECKED}\n"


def _format() -> tuple[Any, Any]:
    """The class of an entry and its way to YAML.

    Raises:
        UsageError: huggingface_hub is too old to have them.
    """
    try:
        return huggingface_hub.EvalResultEntry, huggingface_hub.eval_result_entries_to_yaml
    except AttributeError as error:
        raise UsageError(
            f"--to hf-eval-results needs huggingface_hub 1.4 or newer, here is "
            f"{huggingface_hub.__version__}: pip install -U huggingface_hub transformers"
        ) from error
