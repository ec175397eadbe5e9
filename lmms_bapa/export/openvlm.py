"""``openvlm``: prediction files as VLMEvalKit scores them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pydantic import Field

from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source, folder_name
from lmms_bapa.export.submission.checks import (
    Columns,
    check_rows,
    cut_cells,
    cut_note,
    expected_rows,
)
from lmms_bapa.export.submission.facts import (
    about_file,
    check_complete,
    clean_record,
    model_and_setting,
)
from lmms_bapa.export.submission.sheet import read_sheet, write_sheet
from lmms_bapa.provenance.fingerprints import reply_of
from lmms_bapa.results.folders import RunFolder

Sample = Mapping[str, Any]
Row = dict[str, Any]

# Task -> VLMEvalKit's name of the benchmark, and what of a row only the task's name tells.
TASKS: Mapping[str, tuple[str, Row]] = {
    "mmbench_en_dev": ("MMBench_DEV_EN", {}),
    "mmbench_en_dev_static": ("MMBench_DEV_EN", {}),
    "mmbench_en_test": ("MMBench_TEST_EN", {}),
    "mmbench_cn_dev": ("MMBench_DEV_CN", {}),
    "mmbench_cn_test": ("MMBench_TEST_CN", {}),
    "mmbench_cn_cc": ("CCBench", {}),
    "mmbench_ko_dev": ("MMBench_DEV_KO", {}),
    "mme": ("MME", {}),
    "pope_adv": ("POPE", {"category": "adversarial"}),
    "pope_pop": ("POPE", {"category": "popular"}),
    "pope_random": ("POPE", {"category": "random"}),
}
_PARTS = {"POPE": "pope_full"}  # benchmarks of several tasks, and the harness's group of them
_WHOLE: Columns = {"index": int, "question": str, "answer": str, "prediction": str}


@register
class OpenVLM(Exporter):
    """``<model>/<model>_<benchmark>.xlsx``, where the model's name carries the setting.

    Attributes:
        partial: also for a part of the questions.
    """

    name: ClassVar[str] = "openvlm"
    summary: ClassVar[str] = "<model>_<benchmark>.xlsx, which VLMEvalKit's vlmutil eval scores"

    partial: bool = Field(False, description="true: also of a run with --limit")

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        unknown = [task for task in source.tasks if task not in TASKS]
        if len(unknown) == len(source.tasks):
            raise UsageError(
                f"{', '.join(unknown)}: the sample log does not tell what VLMEvalKit needs; it "
                f"does for {', '.join(TASKS)}"
            )
        if unknown:
            source.note(
                "left out, since the sample log does not tell what VLMEvalKit needs: "
                + ", ".join(unknown)
            )
        for run in source.runs:
            yield from self._of(source, run)

    def _of(self, source: Source, run: RunFolder) -> Iterator[ExportFile]:
        groups: dict[str, list[str]] = {}
        for task in source.tasks_of(run):
            if task in TASKS:
                check_complete(run, task, self.partial)
                groups.setdefault(TASKS[task][0], []).append(task)
        called = folder_name(model_and_setting(source, run))
        folder = PurePosixPath(called)
        told: dict[str, tuple[bytes, dict[str, Any]]] = {}
        for benchmark, tasks in groups.items():
            _check_parts(benchmark, tasks)
            rows = [row for task in tasks for row in _rows(run, task)]
            if benchmark in _PARTS:  # their numbers begin anew in each part
                rows = [{**row, "index": number} for number, row in enumerate(rows)]
            name = f"{called}_{benchmark}.xlsx"
            content = write_sheet(dict.fromkeys(key for row in rows for key in row), rows)
            check_rows(name, read_sheet(content), expected_rows(name, rows), _WHOLE)
            cut = cut_cells(name, rows)
            if cut:
                source.note(cut_note(f"{run.label}, {benchmark}", cut))
            told[name] = content, {"rows": len(rows), "texts_cut": cut}
            yield ExportFile(folder / name, content)
        if groups:
            every = [task for tasks in groups.values() for task in tasks]
            yield about_file(folder, source, run, every, told)


def _check_parts(benchmark: str, tasks: Sequence[str]) -> None:
    parts = [task for task, (name, _) in TASKS.items() if name == benchmark]
    if benchmark not in _PARTS and len(tasks) > 1:
        raise UsageError(f"{' and '.join(tasks)} are both {benchmark}: choose one with --tasks")
    if benchmark in _PARTS and set(tasks) != set(parts):
        raise UsageError(
            f"{benchmark} is {', '.join(parts)} together: run the group {_PARTS[benchmark]}"
        )


def _rows(run: RunFolder, task: str) -> list[Row]:
    benchmark, known = TASKS[task]
    read = _READERS.get(benchmark, _of_mmbench)
    samples = sorted(run.samples(task), key=lambda sample: int(sample["doc_id"]))
    try:
        return [{**clean_record(read(sample)), **known} for sample in samples]
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{run.log(task)}: not the samples of {task} of lmms-eval: run it again"
        ) from error


def _of_mmbench(sample: Sample) -> Row:
    """The submission has all columns of the benchmark; the reply is whole, not stripped."""
    row = {k if k in "ABCDE" else k.lower(): v for k, v in sample["submission"].items()}
    filled = {key: None if value == "nan" else value for key, value in row.items()}
    if filled.get("E") is None:
        filled.pop("E", None)
    return {**filled, "answer": row["answer"], "prediction": reply_of(sample)}


def _of_pope(sample: Sample) -> Row:
    return _yes_no(sample, sample["pope_accuracy"]["ground_truth"])


def _of_mme(sample: Sample) -> Row:
    """Pairs of questions are known by their picture, which the harness calls question_id."""
    record = sample.get("mme_perception_score") or sample["mme_cognition_score"]
    more = {"category": record["category"], "image_path": record["question_id"]}
    return {**_yes_no(sample, str(sample["target"])), **more}


def _yes_no(sample: Sample, answer: str) -> Row:
    """A row of a Yes-No benchmark; the scorer compares with ``Yes`` and ``No``."""
    return {
        "index": int(sample["doc_id"]),
        "question": str(sample["input"]),
        "answer": answer.strip().rstrip(".").capitalize(),
        "prediction": reply_of(sample),
    }


_READERS: Mapping[str, Callable[[Sample], Row]] = {"POPE": _of_pope, "MME": _of_mme}
