"""Probe questions per second, against the harness's own ``llava_hf`` adapter.

Both answer the same questions with the same embedded weights in fp32 on the CPU, in turn, in one
process, drawing included; the replies must be equal. Run it with ``python -m benchmarks.speed``.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from lmms_eval.models import get_model
from lmms_eval.tasks import TaskManager
from loguru import logger
from rich.console import Console
from rich.table import Table

from lmms_bapa.embedded import embedded_path
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.discovery import register_tasks
from lmms_bapa.probes import canvas

TASK, QUESTIONS, ROUNDS, BATCH = "spatial_probe", 360, 5, 64


def requests_of(task: Any, adapter: Any) -> list[Any]:
    """The harness's own requests for the first questions of the task."""
    adapter.task_dict[TASK] = task.dataset
    task.build_all_requests(limit=QUESTIONS, rank=0, world_size=1)
    return list(task.instances)


def answer(adapter: Any, requests: list[Any]) -> tuple[float, list[str]]:
    """Wall seconds and replies; pictures are drawn anew."""
    canvas.compose.cache_clear()
    canvas._picture.cache_clear()
    start = time.perf_counter()
    results = adapter.generate_until(requests)
    return time.perf_counter() - start, [result.text for result in results]


def main() -> None:
    """Prints the table."""
    logger.remove()
    register_tasks()
    task = TaskManager(include_defaults=False).load_task_or_group(TASK, "chat")[TASK]
    path = str(embedded_path("micro-llava"))
    stock = get_model("llava_hf")(
        pretrained=path, device="cpu", device_map="cpu", dtype="float32", batch_size=1
    )
    ours = HFBapa(pretrained="micro-llava", device="cpu", batch_size=BATCH)
    requests = requests_of(task, stock)
    requests_of(task, ours)
    seconds: dict[str, list[float]] = {"stock": [], "ours": []}
    for _ in range(ROUNDS):
        spent, expected = answer(stock, requests)
        seconds["stock"].append(spent)
        spent, replies = answer(ours, requests)
        seconds["ours"].append(spent)
        if replies != expected:
            raise SystemExit("the replies differ: the speeds cannot be compared")
    ratios = [a / b for a, b in zip(seconds["stock"], seconds["ours"], strict=True)]
    table = Table(title=f"{QUESTIONS} questions of {TASK}, {torch.get_num_threads()} threads")
    for heading in ("adapter", "questions / s", "times as fast"):
        table.add_column(heading, justify="left" if heading == "adapter" else "right")
    rates = {name: QUESTIONS / statistics.median(s) for name, s in seconds.items()}
    table.add_row("llava_hf (harness), batch 1", f"{rates['stock']:.0f}", "1")
    spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    table.add_row(f"llava_bapa, batch {BATCH}", f"{rates['ours']:.0f}", spread)
    Console().print(table)
    print(f"replies equal in all {ROUNDS} rounds")


if __name__ == "__main__":
    main()
