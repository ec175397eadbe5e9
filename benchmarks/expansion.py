"""What it costs to show 10,000 documents at 9 places more: time and memory beside the base task.

Base task and shifted task are loaded and read from end to end, as the harness does before the
first question, each in a process of its own. Run it with ``python -m benchmarks.expansion``.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

DOCUMENTS = 10_000
SIDE = 96  # noise: some 7 KB a picture as JPEG

BASE = """
task: base
dataset_path: parquet
dataset_kwargs: {data_files: {test: data.parquet}}
test_split: test
output_type: generate_until
doc_to_visual: image
doc_to_text: question
doc_to_target: answer
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""
SHIFTED = """
task: shifted
class: !function lmms_bapa.harness.shift_task.ShiftedTask
base: base
shift: {layout: grid, rows: 3}
"""


def prepare(folder: Path) -> None:
    """Writes the two tasks and their data."""
    import numpy as np
    from datasets import Dataset, Image
    from PIL import Image as Pictures

    (folder / "base.yaml").write_text(BASE)
    (folder / "shifted.yaml").write_text(SHIFTED)
    pictures = folder / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(DOCUMENTS):
        noise = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Pictures.fromarray(noise).save(pictures / f"{number}.jpg")
    paths = [str(pictures / f"{number}.jpg") for number in range(DOCUMENTS)]
    columns = {
        "image": paths,
        "question": [f"Question {number}" for number in range(DOCUMENTS)],
        "answer": ["yes"] * DOCUMENTS,
    }
    Dataset.from_dict(columns).cast_column("image", Image()).to_parquet(folder / "data.parquet")


def run(task: str, folder: Path) -> None:
    """Loads a task and reads its documents; prints seconds, peak MiB and their number."""
    from lmms_eval.tasks import TaskManager
    from loguru import logger

    from lmms_bapa.harness import shift_task  # noqa: F401  # imports are not what is measured
    from lmms_bapa.harness.discovery import register_tasks

    logger.remove()
    register_tasks()
    manager = TaskManager(include_path=[str(folder)], include_defaults=False)
    start = time.perf_counter()
    loaded = manager.load_task_or_group([task], "chat")[task]
    count = sum(1 for _ in loaded.eval_docs_no_media)
    seconds = time.perf_counter() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count)


def main() -> None:
    """Prints the table."""
    table = Table(title=f"{DOCUMENTS:,} documents, loaded and read")
    for heading in ("task", "documents", "seconds", "more", "peak MiB", "more"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        figures = {}
        for task in ("base", "base", "shifted"):  # the first run also prepares the data set
            command = [sys.executable, "-m", "benchmarks.expansion", task, name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            figures[task] = [float(word) for word in done.stdout.split()[-3:]]
    base = figures["base"]
    for task, (seconds, peak, count) in figures.items():
        more = f"{seconds - base[0]:+.1f}", f"{peak - base[1]:+.0f}"
        table.add_row(task, f"{count:,.0f}", f"{seconds:.1f}", more[0], f"{peak:.0f}", more[1])
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
