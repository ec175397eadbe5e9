"""GQA: questions and pictures in two tables, which the task joins while it loads."""

from __future__ import annotations

from pathlib import Path

from datasets import Features, Image

from .pictures import png
from .spec import TEXT, THINGS, Benchmark, Tables, save


def gqa(folder: Path) -> None:
    """Six questions on three pictures."""
    questions = [
        {
            "id": str(i),
            "imageId": f"n{i // 2}",
            "question": f"What is it in picture {i}?",
            "answer": THINGS[i],
        }
        for i in range(6)
    ]
    pictures = [{"id": f"n{i}", "image": png(i)} for i in range(3)]
    tables: Tables = {
        "testdev_balanced_instructions": {"testdev": questions},
        "testdev_balanced_images": {"testdev": pictures},
    }
    kinds = (Features(dict.fromkeys(questions[0], TEXT)), Features(id=TEXT, image=Image()))
    save(folder, "lmms-lab-encoder/GQA", dict(zip(tables, kinds, strict=True)), tables)


GQA = Benchmark("gqa", gqa, lambda doc: str(doc["answer"]), lambda doc: "a horse")
