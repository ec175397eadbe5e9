"""Peak memory of 9,000 probe questions against 900: it must not grow with the questions.

Each size runs through the harness in a process of its own, since a process never forgets its peak.
Run it with ``python -m benchmarks.memory``.
"""

from __future__ import annotations

import resource
import subprocess
import sys

from rich.console import Console
from rich.table import Table

SIZES = (900, 9000)


def run(questions: int) -> None:
    """Answers the questions and prints this process's peak memory in MiB."""
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager
    from loguru import logger

    from lmms_bapa.harness.adapter import HFBapa
    from lmms_bapa.harness.discovery import register_tasks

    logger.remove()
    register_tasks()
    results = simple_evaluate(
        model=HFBapa(pretrained="micro-llava", device="cpu", batch_size=32, bapa=True),
        tasks=["spatial_probe"],
        task_manager=TaskManager(include_defaults=False),
        limit=questions,
        log_samples=False,
        bootstrap_iters=0,
    )
    assert results["n-samples"]["spatial_probe"]["effective"] == questions
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Prints the table."""
    peaks = {}
    for questions in SIZES:
        command = [sys.executable, "-m", "benchmarks.memory", str(questions)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[questions] = float(done.stdout.split()[-1])
    table = Table(title="peak memory")
    for heading in ("questions", "MiB", "ratio"):
        table.add_column(heading, justify="right")
    for questions, peak in peaks.items():
        table.add_row(f"{questions:,}", f"{peak:.0f}", f"{peak / peaks[SIZES[0]]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(int(sys.argv[1]))
    else:
        main()
