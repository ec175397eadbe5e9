"""Kills a sweep at random moments until it is done, and compares it with one that nobody killed.

A sweep runs in a process of its own, which gets SIGKILL at a random moment; the same sweep is
started again on the same folder, and so on until it is finished, then the next one begins in a new
folder, until there were 20 kills. Results and every line of the sample logs must be those of an
uninterrupted sweep. Run it with ``python -m benchmarks.kills``; the seed is fixed.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

KILLS, SEED = 20, 0
GIVEN: dict[str, Any] = {
    "model_args": "pretrained=micro-llava,device=cpu",
    "tasks": "spatial_probe_lite",
    "grid": {"agci_lambda": [0, 0.3, 1], "bapa": [False, True]},
    "limit": 90,
    "batch_size": 8,
}
# In which two runs of the same thing differ: times, and addresses of functions.
CHANCE = {"date", "start_time", "end_time", "total_evaluation_time_seconds", "config", "configs"}


def run(output: str) -> None:
    """The sweep, in the process that is to be killed; imports are there already."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from lmms_bapa.harness.quiet import quiet_harness
    from lmms_bapa.sweep.config import read_config
    from lmms_bapa.sweep.progress import SweepProgress
    from lmms_bapa.sweep.runner import sweep

    with quiet_harness():
        sweep(read_config(None, GIVEN), Path(output), SweepProgress())


def tables(folder: Path) -> dict[str, Any]:
    """Results and samples of every setting, without what is a matter of chance."""
    from lmms_bapa.results.folders import read_runs

    return {
        one.label: (
            {key: value for key, value in one.results.items() if key not in CHANCE},
            {task: one.samples(task) for task in one.tasks},
        )
        for one in read_runs(folder)
    }


def answered(folder: Path) -> int:
    """How many batches the journals hold."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*/answers*.jsonl"))


def state(folder: Path) -> str:
    """Where a killed sweep stands."""
    finished = len(list(folder.glob("*/manifest.json")))
    return f"{finished} settings, {answered(folder)} batches"


def start(context: Any, folder: Path) -> Any:
    """Starts the sweep in a process of its own."""
    process = context.Process(target=run, args=(str(folder),))
    process.start()
    return process


def main() -> None:
    """Prints the table."""
    console, moments = Console(), random.Random(SEED)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lmms_bapa.sweep.runner"])
    table = Table(title=f"{KILLS} kills of a sweep of 6 settings, 12 batches each")
    for heading in ("kill", "sweep", "after s", "done then"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as parent:
        whole = Path(parent) / "whole"
        start(context, whole).join()  # the first process waits for the imports
        again = Path(parent) / "again"
        begin = time.perf_counter()
        start(context, again).join()
        span = time.perf_counter() - begin
        expected = tables(whole)
        if tables(again) != expected:
            raise SystemExit("two uninterrupted sweeps differ: nothing can be compared")
        kills, sweeps = 0, 0
        while kills < KILLS:
            sweeps += 1
            folder, is_done = Path(parent) / f"killed{sweeps}", False
            while not is_done:
                process = start(context, folder)
                moment = moments.uniform(0, span) if kills < KILLS else None
                process.join(moment)
                is_done = process.exitcode is not None
                if is_done:
                    if process.exitcode != 0:
                        raise SystemExit(f"the sweep failed with status {process.exitcode}")
                    continue
                process.kill()
                process.join()
                kills += 1
                assert moment is not None
                table.add_row(str(kills), str(sweeps), f"{moment:.1f}", state(folder))
            if tables(folder) != expected:
                raise SystemExit(f"sweep {sweeps} differs from the uninterrupted one")
    console.print(table)
    console.print(
        f"{sweeps} sweeps, {kills} kills: results and every sample as without a kill. "
        f"Uninterrupted: {span:.1f} s"
    )


if __name__ == "__main__":
    main()
