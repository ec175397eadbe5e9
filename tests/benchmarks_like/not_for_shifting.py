"""Tasks whose pictures cannot be moved: answers that are boxes, no picture at all, a video."""

from __future__ import annotations

from pathlib import Path

from datasets import Features, Image, List, Value

from .pictures import png
from .spec import NUMBER, TEXT, TEXTS, Benchmark, Doc, answer, listed, options, other, save


def refcoco(folder: Path) -> None:
    """Three pictures with a box in each; two descriptions of every box."""
    rows = [
        {
            "question_id": str(i),
            "image": png(i),
            "question": f"Please describe the area circled in picture {i}.",
            "answer": [f"the block in picture {i}", f"the other block in picture {i}"],
            "segmentation": [4.0, 5.0, 24.0, 5.0, 24.0, 35.0],
            "bbox": [4.0 + i, 5.0, 20.0, 30.0],  # left, top, width, height in pixels
            "iscrowd": 0,
            "file_name": f"COCO_train2014_{i:012d}_0.jpg",
        }
        for i in range(3)
    ]
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image(), "answer": TEXTS, "iscrowd": NUMBER}
    kinds |= dict.fromkeys(("segmentation", "bbox"), List(Value("float64")))
    save(folder, "lmms-lab-encoder/RefCOCO", Features(kinds), {"default": {"val": rows}})


def gsm8k(folder: Path) -> None:
    """Six sums to learn from, and three to answer."""
    rows = [
        {"question": f"How much is {i} + {i}, says picture {i}?", "answer": f"Easy.\n#### {2 * i}"}
        for i in range(9)
    ]
    splits = {"test": rows[:3], "train": rows[3:]}
    save(folder, "gsm8k", Features(question=TEXT, answer=TEXT), {"main": splits})


def videomme(folder: Path) -> None:
    """Three questions on videos; the files are empty, and stand in ``$HF_HOME``."""
    rows = [
        {
            "video_id": f"{i:03d}",
            "duration": "short",
            "domain": "Knowledge",
            "sub_category": "Astronomy",
            "url": "",
            "videoID": f"video{i}",
            "question_id": f"{i:03d}-1",
            "task_type": "Counting Problem",
            "question": f"What does picture {i} show?",
            "options": listed(options(i, 4)).splitlines(),
            "answer": answer(i, 4),
        }
        for i in range(3)
    ]
    for row in rows:
        video = folder / "hf" / "videomme" / "data" / f"{row['videoID']}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.touch()
    features = Features(dict.fromkeys(rows[0], TEXT) | {"options": TEXTS})
    save(folder, "lmms-eval/Video-MME", features, {"default": {"test": rows}})


def _box(doc: Doc) -> str:
    return f"[{', '.join(str(share) for share in doc['bbox'])}]"


REFCOCO = Benchmark("refcoco", refcoco, _box, lambda doc: "[0.9, 0.9, 1.0, 1.0]")
GSM8K = Benchmark(
    "gsm8k",
    gsm8k,
    lambda doc: f"The answer is {doc['answer'].split()[-1]}.",
    lambda doc: "The answer is 1.",
)
VIDEOMME = Benchmark(
    "videomme", videomme, lambda doc: doc["answer"], lambda doc: other(doc["answer"], 4)
)
