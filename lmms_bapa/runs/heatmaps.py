"""Redraws the heat maps of runs from the sample logs that they left."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.json_text import parse_json
from lmms_bapa.metrics import probe
from lmms_bapa.plots.panels import Cells, Keys, Panel, Shifts

_LOGS = "*_samples_*.jsonl"
_RECORD = {"group", "cell", "rows", "asked", "said", "correct"}
_TITLE_WIDTH = 30
_COLUMNS = 4


@dataclass(frozen=True)
class ProbeRun:
    """The sample log of one task of one run.

    Attributes:
        task: name of the task, from the name of the file.
        setting: the run's ``model_args``, if its results are still beside the log, else "".
        samples: the lines of the log.
    """

    task: str
    setting: str
    samples: Sequence[dict[str, Any]]

    @property
    def records(self) -> list[dict[str, Any]]:
        """What the metrics of :mod:`lmms_bapa.metrics.probe` are computed from."""
        return [sample["cell_accuracy"] for sample in self.samples]


def _is_probe(sample: Any) -> bool:
    record = sample.get("cell_accuracy") if isinstance(sample, dict) else None
    return isinstance(record, dict) and set(record) >= _RECORD


def _setting(log: Path) -> str:
    results = log.with_name(re.sub(r"_samples_.*", "_results.json", log.name))
    try:
        arguments = parse_json(results.read_text(encoding="utf-8"))["config"]["model_args"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # the log may have been moved: the figures do not depend on it
    return re.sub(r"(^|,)(pretrained|model)=", r"\1", str(arguments)).replace(",", ", ")


def read_run(log: Path) -> ProbeRun | None:
    """Reads one sample log.

    Returns:
        The run, or None if the samples are another task's.

    Raises:
        UsageError: the file cannot be read, is empty, or holds a question twice.
    """
    samples: list[dict[str, Any]] = []
    seen: set[Any] = set()
    try:
        with log.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                sample = parse_json(line)
                if not _is_probe(sample):
                    return None
                if sample["doc_id"] in seen:
                    raise UsageError(
                        f"{log}: line {number} answers document {sample['doc_id']} again: "
                        "the file holds more than one run: run again with an output folder of "
                        "its own"
                    )
                seen.add(sample["doc_id"])
                samples.append(sample)
    except OSError as error:
        raise UsageError(f"{log}: {error.strerror}") from error
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{log}: line {len(samples) + 1} is not JSON: {error}") from error
    if not samples:
        raise UsageError(f"{log}: no samples in it: run it again")
    found = re.search(r"_samples_(.+)\.jsonl$", log.name)
    return ProbeRun(found.group(1) if found else log.stem, _setting(log), samples)


def read_runs(paths: Iterable[Path]) -> tuple[list[ProbeRun], list[Path]]:
    """Reads sample logs, or all that lie in folders.

    Returns:
        The runs, and the logs of other tasks in the folders, which are left out.

    Raises:
        UsageError: nothing there, or a named file is another task's.
    """
    runs: dict[Path, ProbeRun] = {}
    others: list[Path] = []
    for path in paths:
        logs = sorted(path.rglob(_LOGS)) if path.is_dir() else [path]
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if not logs:
            raise UsageError(
                f"{path}: no sample logs ({_LOGS}) in it: run lmms-eval with --log_samples"
            )
        read = {log.resolve(): read_run(log) for log in logs}
        probes = {log: run for log, run in read.items() if run is not None}
        if not probes:
            raise UsageError(
                f"{path}: samples of another task, not of a spatial probe: give others"
            )
        runs |= probes
        others += [log for log, run in read.items() if run is None]
    return list(runs.values()), others


def panels(run: ProbeRun) -> list[Panel]:
    """The heat maps of a run: its cells, and what else its layout has."""
    title = "\n".join(
        line for text in (run.task, run.setting) for line in textwrap.wrap(text, _TITLE_WIDTH)
    )
    found: list[Panel] = [Cells(title, probe.cell_accuracy(run.records))]
    where = run.samples[0].get("where", {})
    if where.get("layout") == "free":
        keys = [s for s in run.samples if s["cell_accuracy"]["asked"] == "key"]
        boxes = [(s["where"]["left"], s["where"]["top"], s["where"]["side"]) for s in keys]
        right = [s["cell_accuracy"]["correct"] for s in keys]
        found.append(Keys(f"{title}\neach key, by place and size", boxes, right, where["canvas"]))
    if where.get("layout") == "pixel":
        shifts = dict(sorted((s["where"]["place"], s["where"]["shift"]) for s in run.samples))
        shares = probe.shift_accuracy(run.records)
        asked = [shares[place] for place in shifts]
        found.append(Shifts(f"{title}\nby displacement", list(shifts.values()), asked))
    return found


def figure_rows(runs: Iterable[ProbeRun]) -> list[list[Panel]]:
    """The heat maps of several runs: rows of one task each, a run's own panels side by side."""
    rows: dict[str, list[list[Panel]]] = {}
    for run in runs:
        own, lines = panels(run), rows.setdefault(run.task, [[]])
        if len(lines[-1]) + len(own) > _COLUMNS:
            lines.append([])
        lines[-1] += own
    return [line for lines in rows.values() for line in lines]
