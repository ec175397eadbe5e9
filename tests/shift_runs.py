"""A small base task for tests of shifted tasks: its YAML, its data, and YAMLs made from it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from datasets import Dataset, Features, Image, List, Value
from lmms_eval.tasks import TaskManager
from PIL import Image as Pictures

from lmms_bapa.harness.discovery import register_tasks

register_tasks()

BASE = """
task: base
dataset_path: parquet
dataset_kwargs: {data_files: {test: data.parquet}}
test_split: test
output_type: generate_until
doc_to_visual: !function functions.pictures
doc_to_text: question
doc_to_target: answer
process_results: !function functions.score
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
"""
FUNCTIONS = """
def pictures(doc):
    return [picture for picture in doc["pictures"]]


def score(doc, results):
    return {"accuracy": float(results[0] == doc["answer"])}
"""


def picture(number: int, width: int = 20, height: int = 12) -> Pictures.Image:
    """Four quarters in colours that no other number has, none of them white or grey."""
    rng = np.random.default_rng(number)
    pixels = np.zeros((height, width, 3), np.uint8)
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            pixels[rows, columns] = rng.integers(0, 250, 3)
    return Pictures.fromarray(pixels)


def write_base(folder: Path, documents: list[dict[str, Any]], **changes: Any) -> None:
    """Writes ``base.yaml`` and its data.

    Args:
        folder: where to.
        documents: ``pictures`` (a list), ``question`` and ``answer``.
        changes: keys of the YAML that are other ones.
    """
    features = Features(pictures=List(Image()), question=Value("string"), answer=Value("string"))
    folder.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(documents, features=features).to_parquet(folder / "data.parquet")
    (folder / "functions.py").write_text(FUNCTIONS)
    (folder / "base.yaml").write_text(
        BASE + textwrap.dedent(yaml.safe_dump(changes)) * bool(changes)
    )


def write_shift(folder: Path, name: str = "shifted", base: str = "base", **shift: Any) -> None:
    """Writes the YAML of a shifted task."""
    text = (
        f"task: {name}\nclass: !function lmms_bapa.harness.shift_task.ShiftedTask\n"
        f"base: {base}\nshift: {yaml.safe_dump(shift, default_flow_style=True)}"
    )
    (folder / f"{name}.yaml").write_text(text)


def questions(count: int, pictures: int = 1, **size: int) -> list[dict[str, Any]]:
    """Documents with pictures of their own; the right answer is their number."""
    return [
        {
            "pictures": [picture(10 * n + k, **size) for k in range(pictures)],
            "question": f"Question {n}",
            "answer": str(n),
        }
        for n in range(count)
    ]


def manager(folder: Path) -> TaskManager:
    """Knows the tasks of a folder, and ours."""
    return TaskManager(include_path=[str(folder)], include_defaults=False)
