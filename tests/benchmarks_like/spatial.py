"""Benchmarks on places and relations: CV-Bench, V*, EmbSpatial, SAT, 3DSRBench."""

from __future__ import annotations

from pathlib import Path

from datasets import Features, Image, List, Value

from .pictures import png
from .spec import (
    LETTERS,
    NUMBER,
    TEXT,
    TEXTS,
    Benchmark,
    answer,
    listed,
    options,
    other,
    save,
)


def cv_bench(folder: Path) -> None:
    """Four questions on two dimensions and four on three, with two to four choices."""
    tasks = ("Count", "Relation", "Count", "Relation", "Depth", "Distance", "Depth", "Distance")
    rows = []
    for i, task in enumerate(tasks):
        kind = "2D" if i < 4 else "3D"
        count = 2 if task != "Count" else 4
        things = options(i, count)
        question = f"What is nearest to the camera in picture {i}?"
        rows.append(
            {
                "idx": i,
                "type": kind,
                "task": task,
                "image": png(i),
                "question": question,
                "choices": things,
                "answer": f"({answer(i, count)})",
                "prompt": f"{question} Select from the following choices.\n"
                + listed(things, "({}) {}"),
                "filename": f"img/{kind}/{task.lower()}_{i}.png",
                "source": ("ADE20K", "COCO")[i % 2] if kind == "2D" else "Omni3D",
                "source_dataset": "made here",
                "source_filename": f"{i}.jpg",
                "target_class": things[0] if task == "Count" else None,
                "target_size": None,
                "bbox": [[3.0, 4.0, 20.0, 25.0]],
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {"idx": NUMBER, "image": Image(), "choices": TEXTS}
    kinds |= {"target_size": NUMBER, "bbox": List(List(Value("float64")))}
    tables = {"default": rows, "2D": rows[:4], "3D": rows[4:]}
    save(
        folder,
        "nyu-visionx/CV-Bench",
        Features(kinds),
        {name: {"test": part} for name, part in tables.items()},
    )


def vstar(folder: Path) -> None:
    """Four questions on attributes and three on relative positions."""
    rows = []
    for i in range(7):
        category, count = ("direct_attributes", 4) if i < 4 else ("relative_position", 2)
        rows.append(
            {
                "image": png(i),
                "text": f"What is at the edge of picture {i}?\n"
                + listed(options(i, count), "({}) {}")
                + "\nAnswer with the option's letter from the given choices directly.",
                "category": category,
                "label": answer(i, count),
                "question_id": str(i),
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image()}
    save(folder, "lmms-lab-encoder/vstar-bench", Features(kinds), {"default": {"test": rows}})


def embspatial(folder: Path) -> None:
    """Eight questions from three sources: three, two and three of them."""
    rows = [
        {
            "question_id": f"emb_{i}",
            "question": f"Which thing is close in picture {i}?",
            "question_type": "egocentric",
            "image": png(i),
            "answer_options": options(i, 4),
            "answer": LETTERS.index(answer(i, 4)),
            "relation": ("close", "far", "left", "above")[i % 4],
            "data_source": ("ai2thor", "mp3d", "scannet")[(i > 2) + (i > 4)],
        }
        for i in range(8)
    ]
    kinds = dict.fromkeys(rows[0], TEXT)
    kinds |= {"image": Image(), "answer_options": TEXTS, "answer": NUMBER}
    save(folder, "FlagEval/EmbSpatial-Bench", Features(kinds), {"default": {"test": rows}})


def sat(folder: Path) -> None:
    """Seven questions with two choices, every other one with two pictures."""
    rows = [
        {
            "image_bytes": [png(2 * i + k) for k in range(1 + i % 2)],
            "question": f"What moved in picture {i}?",
            "answers": options(i, 2),
            "question_type": "obj_movement",
            "correct_answer_idx": LETTERS.index(answer(i, 2)),
        }
        for i in range(7)
    ]
    features = Features(
        image_bytes=List(Image()),
        question=TEXT,
        answers=TEXTS,
        question_type=TEXT,
        correct_answer_idx=NUMBER,
    )
    save(folder, "nv-njb/SAT", features, {"default": {"test": rows}})


def three_d(folder: Path) -> None:
    """Eight questions of four categories; two options, or four."""
    categories = ("height_higher", "location_above", "orientation_viewpoint", "multi_object_facing")
    rows = []
    for i in range(8):
        count = 4 if i % 4 == 2 else 2
        rows.append(
            {
                "index": f"VIN6MS{i:02d}",
                "image": png(i),
                "question": f"Which thing is meant in picture {i}?",
                **dict.fromkeys("ABCD"),
                **dict(zip("ABCD", options(i, count), strict=False)),
                "answer": answer(i, count),
                "category": categories[i % 4],
                "image_source": "COCO",
                "image_url": f"http://images.cocodataset.org/{i}.jpg",
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image()}
    save(folder, "oscarqjh/3DSRBench_lmmseval", Features(kinds), {"3dsr": {"test": rows}})


CV_BENCH = Benchmark(
    "cv_bench",
    cv_bench,
    lambda doc: doc["answer"],
    lambda doc: f"({other(doc['answer'].strip('()'), len(doc['choices']))})",
)
VSTAR = Benchmark(
    "vstar_bench", vstar, lambda doc: doc["label"], lambda doc: other(doc["label"], 2)
)
EMBSPATIAL = Benchmark(
    "embspatial",
    embspatial,
    lambda doc: LETTERS[doc["answer"]],
    lambda doc: other(LETTERS[doc["answer"]], 4),
)
SAT = Benchmark(
    "sat",
    sat,
    lambda doc: LETTERS[doc["correct_answer_idx"]],
    lambda doc: other(LETTERS[doc["correct_answer_idx"]], 2),
)
THREE_D = Benchmark(
    "3dsrbench", three_d, lambda doc: doc["answer"], lambda doc: other(doc["answer"], 2)
)
