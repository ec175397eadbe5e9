"""Lets the harness write its submission file again, from what a sample log has."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.export.submission.sheet import settled
from lmms_bapa.harness.base_tasks import base_config
from lmms_bapa.harness.fast_tasks import manager_for
from lmms_bapa.harness.judges import asks_a_judge
from lmms_bapa.harness.quiet import quiet_harness
from lmms_bapa.validation import reason

Record = Mapping[str, Any]
Aggregation = Callable[..., Any]

# What the harness calls a metric that is no figure, but a file to hand in.
_METRIC = re.compile(r"submission$|_passthrough$")
_TIME = re.compile(r"[-_](?:\d{4}-)?\d{2}-?\d{2}-\d{2}-?\d{2}(?:-\d{2})?(?=\.\w+$)")


def submission_metric(config: Mapping[str, Any]) -> str | None:
    """The metric of a task that stands for its submission file, None if it has none.

    Args:
        config: the task's configuration, as results have it.
    """
    names = [str(entry["metric"]) for entry in config.get("metric_list") or []]
    return next((name for name in names if _METRIC.search(name)), None)


@cache
def aggregations(
    tasks: tuple[tuple[str, str], ...], include: Path | None = None
) -> Mapping[str, Aggregation]:
    """The functions of the harness that write the submission files of some tasks.

    Only the tasks' own files are read; no data set is loaded.

    Args:
        tasks: tasks with the metric that stands for their file.
        include: a folder of further tasks.

    Raises:
        UsageError: a task is not known here, or its function would send the answers to a service.
    """
    found: dict[str, Aggregation] = {}
    with _hushed():
        manager_for([task for task, _ in tasks], include)
        for task, metric in tasks:
            entries = base_config(task).get("metric_list") or []
            function = next((e.get("aggregation") for e in entries if e["metric"] == metric), None)
            if not callable(function):
                raise UsageError(f"{task}: the installed lmms-eval has no {metric} for it")
            if asks_a_judge({"metric_list": [{"aggregation": function}]}):
                raise UsageError(
                    f"{task}: the harness's own function for its file sends the answers to a "
                    "service, and an export sends nothing: leave the task out with --tasks"
                )
            found[task] = function
    return found


def harness_files(
    aggregate: Aggregation, records: Sequence[Record], task: str, model: str
) -> dict[str, bytes]:
    """What the harness writes of some records, by name, without the time in the name.

    Args:
        aggregate: the task's function, see :func:`aggregations`.
        records: its argument, one for each question.
        task: name of the task.
        model: what the file is to call the model, where it has room for that.

    Raises:
        UsageError: the function fails, or writes nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = Namespace(output_path=folder, tasks=task, model=model)
        takes = inspect.signature(aggregate).parameters
        more = {"args": arguments} if "args" in takes else {}
        try:
            with _hushed():
                aggregate([dict(record) for record in records], **more)
        except Exception as error:  # any code of the harness
            raise UsageError(
                f"{task}: the harness cannot write its file from the sample log ({reason(error)})"
            ) from error
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        files = {_TIME.sub("", path.name): path.read_bytes() for path in paths}
    if not files:
        raise UsageError(f"{task}: the harness writes no file for it")
    return {k: settled(v) if k.endswith(".xlsx") else v for k, v in files.items()}


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Scorers print where the paths of the export belong."""
    with (
        quiet_harness(),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        yield
