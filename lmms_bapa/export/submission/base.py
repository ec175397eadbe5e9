"""What the exporters of submission files share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from pydantic import Field

from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.source import Source, folder_name
from lmms_bapa.export.submission.checks import (
    Columns,
    check_rows,
    cut_cells,
    cut_note,
    expected_rows,
    read_rows,
)
from lmms_bapa.export.submission.facts import (
    about_file,
    check_complete,
    clean_record,
    model_and_setting,
)
from lmms_bapa.export.submission.harness_files import (
    Aggregation,
    aggregations,
    harness_files,
    submission_metric,
)
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.shift.spec import is_shifted


class Submission(Exporter):
    """Files that an evaluation server takes: one folder a setting and task.

    The harness's own function writes each file anew from the sample log, so that runs of any of
    its adapters serve. Beside it ``about.json`` says which model and intervention it is of, for
    which the formats have no room.

    Attributes:
        tasks: which tasks, with ``*`` for any letters.
        columns: what the server demands of a row, see :mod:`.checks`; empty if that is not known.
        partial: also for a part of the questions.
    """

    tasks: ClassVar[tuple[str, ...]] = ("*",)
    columns: ClassVar[Columns] = {}

    partial: bool = Field(False, description="true: also of a run with --limit")

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        pairs = self._pairs(source)
        for run, task in pairs:
            check_complete(run, task, self.partial)
        metrics = {task: _metric(run, task) for run, task in pairs}
        functions = aggregations(tuple(metrics.items()), _include(source))
        for run, task in pairs:
            yield from self._files(source, run, task, metrics[task], functions[task])

    def _pairs(self, source: Source) -> list[tuple[RunFolder, str]]:
        """The settings and tasks that have a file to hand in; says which were asked elsewhere."""
        fitting = [
            (run, task)
            for run, task in source.pairs()
            if any(fnmatch(task, pattern) for pattern in self.tasks)
            and submission_metric(run.results["configs"][task])
        ]
        shifted = {task for run, task in fitting if is_shifted(run.results["configs"][task])}
        told = (
            f"{', '.join(sorted(shifted))}: asks each question with its picture at several places, "
            "which no server takes: run the task that it is made from"
        )
        found = [(run, task) for run, task in fitting if task not in shifted]
        if found and shifted:
            source.note(f"left out: {told}")
        if not found:
            which = "tasks with a submission file" if self.tasks == ("*",) else "tasks"
            raise UsageError(
                told
                if shifted
                else f"--to {self.name} is for {which} such as {self.example}, and the results "
                f"have {', '.join(source.tasks)}"
            )
        return found

    @property
    def example(self) -> str:
        """One of its tasks."""
        return "textvqa_test" if self.tasks == ("*",) else self.tasks[0]

    def _files(
        self, source: Source, run: RunFolder, task: str, metric: str, function: Aggregation
    ) -> Iterator[ExportFile]:
        samples = sorted(run.samples(task), key=lambda sample: int(sample["doc_id"]))
        logged = [sample.get(metric) for sample in samples]
        if not all(isinstance(record, Mapping) for record in logged):
            raise UsageError(f"{run.log(task)}: a sample has no {metric}: run the task again")
        records = [clean_record(record) for record in logged]
        dirty = sum(record != clean for record, clean in zip(logged, records, strict=True))
        if dirty:
            source.note(f"{run.label}, {task}: control characters were taken off {dirty} answers")
        folder = PurePosixPath(folder_name(run.label)) / folder_name(task)
        written = harness_files(function, records, task, model_and_setting(source, run))
        told: dict[str, tuple[bytes, dict[str, Any]]] = {}
        for name, content in written.items():
            rows = self._check(f"{task}/{name}", content, records)
            more = {"rows": rows, "rows_cleaned": dirty, "texts_cut": cut_cells(name, records)}
            told[name] = content, more
            if more["texts_cut"]:
                source.note(cut_note(f"{run.label}, {task}", more["texts_cut"]))
            yield ExportFile(folder / name, content)
        yield about_file(folder, source, run, [task], told)

    def _check(self, what: str, content: bytes, records: Sequence[Mapping[str, Any]]) -> int | None:
        """Reads a file back; returns its rows, None if it is not made of one row an answer."""
        rows = read_rows(what, content)
        if rows is None and self.columns:
            raise UsageError(f"{what}: not the kind of file that --to {self.name} knows")
        if rows is None or not (self.columns or len(rows) == len(records)):
            return None
        check_rows(what, rows, expected_rows(what, records), self.columns)
        return len(rows)


def _metric(run: RunFolder, task: str) -> str:
    return submission_metric(run.results["configs"][task]) or ""


def _include(source: Source) -> Path | None:
    """The folder of the user's own tasks, as far as a manifest names it."""
    manifests = (source.manifest(run) for run in source.runs)
    folders = (Path(m.include) for m in manifests if m is not None and m.include)
    return next((folder for folder in folders if folder.is_dir()), None)
