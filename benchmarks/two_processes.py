"""Questions per second of two processes against one, on the CPU.

Both are the harness's own command in fresh processes, taken in turn, with as many threads for each
process; the time is the harness's own ``total_evaluation_time_seconds``, which leaves out the start
of Python. Figures and replies must be equal. Run it with ``python -m benchmarks.two_processes``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

TASK, QUESTIONS, ROUNDS, THREADS = "spatial_probe", 5400, 3, 1
LAUNCH = {
    1: ["-m", "lmms_eval"],
    2: ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "lmms_eval"],
}


def run(processes: int, folder: Path) -> tuple[float, dict[str, Any], dict[int, Any]]:
    """One evaluation: seconds, metrics, and the reply to each document."""
    command = [sys.executable, *LAUNCH[processes], "--model", "llava_bapa", "--tasks", TASK]
    command += ["--model_args", "pretrained=micro-llava,bapa=true,device=cpu", "--batch_size", "64"]
    command += ["--limit", str(QUESTIONS), "--log_samples", "--output_path", str(folder)]
    surroundings = os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": str(THREADS)}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    (saved,) = folder.rglob("*_results.json")
    results = json.loads(saved.read_text(encoding="utf-8"))
    (log,) = folder.rglob("*_samples_*.jsonl")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    replies = {line["doc_id"]: line["filtered_resps"] for line in lines}
    seconds = float(results["total_evaluation_time_seconds"])
    # The harness's standard errors sum over the answers in the order of arrival.
    metrics = {k: v for k, v in results["results"][TASK].items() if "_stderr" not in k}
    return seconds, metrics, replies


def main() -> None:
    """Prints the table."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    found: list[Any] = []
    for _ in track(range(ROUNDS), description="rounds"):
        for processes, spent in seconds.items():
            with tempfile.TemporaryDirectory() as folder:
                elapsed, metrics, replies = run(processes, Path(folder))
            spent.append(elapsed)
            found.append((metrics, replies))
    if any(other != found[0] for other in found):
        raise SystemExit("the results differ: the speeds cannot be compared")
    ratios = [a / b for a, b in zip(seconds[1], seconds[2], strict=True)]
    table = Table(title=f"{QUESTIONS} questions of {TASK}, {THREADS} thread(s) a process")
    for heading in ("processes", "questions / s", "times as fast"):
        table.add_column(heading, justify="right")
    table.add_row("1", f"{QUESTIONS / statistics.median(seconds[1]):.0f}", "1")
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    table.add_row("2", f"{QUESTIONS / statistics.median(seconds[2]):.0f}", spread)
    Console().print(table)
    print(f"metrics and replies equal in all {ROUNDS} rounds")


if __name__ == "__main__":
    main()
