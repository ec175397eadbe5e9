"""Benchmarks that are answered by Yes or No: POPE, MME, HallusionBench."""

from __future__ import annotations

from pathlib import Path

from datasets import Features, Image

from .pictures import png
from .spec import TEXT, THINGS, Benchmark, Doc, save


def pope(folder: Path) -> None:
    """Eight questions, as many of them with Yes as with No."""
    rows = [
        {
            "id": str(i),
            "question_id": str(100 + i),
            "question": f"Is there a {THINGS[i]} in picture {i}?",
            "answer": "yes" if i in (0, 1, 4, 6) else "no",
            "image_source": f"COCO_val2014_{i:012d}",
            "image": png(i, ("RGB", "L", "RGB", "P")[i % 4]),
            "category": ("adversarial", "popular", "random")[i % 3],
        }
        for i in range(8)
    ]
    texts = ("id", "question_id", "question", "answer", "image_source")
    features = Features(dict.fromkeys(texts, TEXT) | {"image": Image(), "category": TEXT})
    save(folder, "lmms-lab-encoder/POPE", features, {"default": {"test": rows}})


def mme(folder: Path) -> None:
    """Four pairs: two of ``existence`` and one of ``count`` (perception), one of cognition."""
    categories = ("existence", "existence", "count", "code_reasoning")
    rows = [
        {
            "question_id": f"{category}/{pair:04d}.png",
            "image": png(pair),
            "question": f"Is there a {THINGS[2 * pair + turn]} in picture {2 * pair + turn}? "
            "Please answer yes or no.",
            "answer": ("Yes", "No")[turn],
            "category": category,
        }
        for pair, category in enumerate(categories)
        for turn in (0, 1)
    ]
    features = Features(question_id=TEXT, image=Image(), question=TEXT, answer=TEXT, category=TEXT)
    save(folder, "lmms-lab-encoder/MME", features, {"default": {"test": rows}})


def hallusion(folder: Path) -> None:
    """Two sets of two figures with two questions each; figure 0 is the unchanged one.

    Questions of ``VS`` without a picture stand in a split of their own, as on the hub.
    """
    rows = []
    for category, figures in (("VD", (0, 1)), ("VS", (1, 2)), ("VS", (0,))):
        for figure in figures:
            for question in (0, 1):
                i = len(rows)
                truth = (figure + question) % 2
                rows.append(
                    {
                        "category": category,
                        "subcategory": "illusion" if category == "VD" else "chart",
                        "visual_input": str(min(figure, 2) or int(category == "VD")),
                        "set_id": "0",
                        "figure_id": str(figure),
                        "sample_note": "circle",
                        "question_id": str(question),
                        "question": f"Is the {THINGS[i % 10]} in picture {i} the larger one?",
                        "gt_answer_details": f"It is{'' if truth else ' not'} the larger one.",
                        "gt_answer": str(truth),
                        "filename": f"./{category}/{figure}.png",
                        "image": png(i, "RGBA") if figure or category == "VD" else None,
                    }
                )
    texts = [key for key in rows[0] if key != "image"]
    features = Features(dict.fromkeys(texts, TEXT) | {"image": Image()})
    tables = {"default": {"image": rows[:8], "non_image": rows[8:]}}
    save(folder, "lmms-lab-encoder/HallusionBench", features, tables)


def _flipped(reply: str) -> str:
    return {"yes": "no", "no": "yes", "Yes": "No", "No": "Yes"}[reply]


def _of_answer(doc: Doc) -> str:
    return str(doc["answer"])


def _of_truth(doc: Doc) -> str:
    return "Yes" if doc["gt_answer"] == "1" else "No"


POPE = Benchmark("pope", pope, _of_answer, lambda doc: _flipped(_of_answer(doc)))
MME = Benchmark("mme", mme, _of_answer, lambda doc: _flipped(_of_answer(doc)))
HALLUSION = Benchmark("hallusion_bench", hallusion, _of_truth, lambda doc: _flipped(_of_truth(doc)))
