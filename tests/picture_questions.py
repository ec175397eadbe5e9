"""A task of few documents: no picture, one, two; of several sizes; one asked about twice."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from lmms_eval.tasks import TaskManager
from PIL import Image

from .harness_runs import evaluate, replies

TASK = "picture_questions"
SIZES = [(170, 80), (60, 150), (118, 112), (50, 50), (56, 57), (200, 90)]
TEXTS = ["Is there a red star?", "Answer Yes or No.", "red"]
# Numbers of pictures. Batches of four are mixed; one has a picture twice, each row having one.
ROWS = [[], [0], [1, 2], [0], [3], [3], [4], [], [5, 5]]
YAML = """
task: picture_questions
dataset_path: json
dataset_kwargs: {data_files: {test: documents.jsonl}}
test_split: test
output_type: generate_until
doc_to_visual: !function tests.picture_questions.doc_to_visual
doc_to_text: text
doc_to_messages: !function tests.picture_questions.doc_to_messages
doc_to_target: text
process_results: !function tests.picture_questions.process_results
generation_kwargs: {max_new_tokens: 4}
metric_list: [{metric: length, aggregation: mean, higher_is_better: true}]
"""


@cache
def picture(number: int) -> Image.Image:
    """Stripes of some colours, always the same object."""
    values = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(SIZES[number], Image.Resampling.NEAREST)


def documents(most: int, text_alone: bool) -> list[dict[str, Any]]:
    """The questions that a family takes.

    Args:
        most: how many pictures a prompt may have.
        text_alone: whether a prompt may do without pictures.
    """
    rows = [row for row in ROWS if len(row) <= most and (row or text_alone)]
    return [{"pictures": row, "text": TEXTS[i % 3] * (1 + i % 2)} for i, row in enumerate(rows)]


def save_task(folder: Path, docs: list[dict[str, Any]]) -> TaskManager:
    """Writes the task as a user would add one."""
    (folder / "documents.jsonl").write_text("\n".join(json.dumps(d) for d in docs))
    (folder / f"{TASK}.yaml").write_text(YAML)
    return TaskManager(include_defaults=False, include_path=str(folder))


def ask(model: Any, manager: TaskManager) -> list[str]:
    """The model's replies, by the harness."""
    results = evaluate(model, [TASK], manager=manager, log_samples=True)
    return [reply for _, reply in sorted(replies(results, TASK).items())]


# What the YAML names.


def doc_to_visual(doc: dict[str, Any]) -> list[Image.Image]:
    return [picture(number) for number in doc["pictures"]]


def doc_to_messages(doc: dict[str, Any], *_: Any) -> list[dict[str, Any]]:
    content = [{"type": "image", "url": image} for image in doc_to_visual(doc)]
    return [{"role": "user", "content": [*content, {"type": "text", "text": doc["text"]}]}]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    return {"length": float(len(results[0]))}
