"""Benchmarks whose questions may show several pictures: BLINK, MMMU-Pro, SEED-Bench."""

from __future__ import annotations

from pathlib import Path

from datasets import Features, Image, List

from .pictures import png
from .spec import NUMBER, TEXT, TEXTS, Benchmark, answer, listed, options, other, save

# Sub-task and how many pictures its questions show.
BLINK_PARTS = {
    "Art_Style": 3,
    "Counting": 1,
    "Forensic_Detection": 4,
    "Functional_Correspondence": 2,
    "IQ_Test": 1,
    "Jigsaw": 3,
    "Multi-view_Reasoning": 2,
    "Object_Localization": 1,
    "Relative_Depth": 1,
    "Relative_Reflectance": 1,
    "Semantic_Correspondence": 2,
    "Spatial_Relation": 1,
    "Visual_Correspondence": 2,
    "Visual_Similarity": 3,
}


def blink(folder: Path) -> None:
    """All fourteen sub-tasks with two to four questions each."""
    tables = {}
    for part, (name, pictures) in enumerate(BLINK_PARTS.items()):
        rows = []
        for i in range(2 + part % 3):
            count = max(2, pictures if pictures == 4 else 2 + i % 3)
            things = options(part + i, count)
            question = f"What does picture {i} of {name} show?"
            rows.append(
                {
                    "idx": f"val_{name}_{i + 1}",
                    "question": question,
                    "sub_task": name,
                    **{
                        f"image_{k}": png(40 + 16 * part + 4 * i + k) if k <= pictures else None
                        for k in range(1, 5)
                    },
                    "choices": things,
                    "answer": f"({answer(part + i, count)})",
                    "prompt": f"{question}\nSelect from the following choices.\n"
                    + listed(things, "({}) {}"),
                }
            )
        tables[name] = {"val": rows, "test": [row | {"answer": "hidden"} for row in rows]}
    kinds = dict.fromkeys(rows[0], TEXT) | {"choices": TEXTS}
    kinds |= {f"image_{k}": Image() for k in range(1, 5)}
    save(folder, "BLINK-Benchmark/BLINK", Features(kinds), tables)


def mmmu_pro(folder: Path) -> None:
    """Seven questions with four to ten options; two of them show two pictures."""
    subjects = ("Art", "Physics", "Physics", "Math", "Art", "Math", "Pharmacy")
    rows = []
    for i, subject in enumerate(subjects):
        count = (4, 10, 6)[i % 3]
        both = i % 3 == 1
        shown = "<image 1>" + (" beside <image 2>" if both else "")
        rows.append(
            {
                "id": f"test_{subject}_{i}",
                "question": f"What does picture {i}, {shown}, show?",
                "options": repr(options(i, count)),
                "explanation": "",
                "image_1": png(2 * i, ("RGB", "RGBA", "P")[i % 3]),
                "image_2": png(2 * i + 1) if both else None,
                **dict.fromkeys(f"image_{k}" for k in range(3, 8)),
                "img_type": "['Diagrams']",
                "answer": answer(i, count),
                "topic_difficulty": "Easy",
                "subject": subject,
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {f"image_{k}": Image() for k in range(1, 8)}
    save(folder, "MMMU/MMMU_Pro", Features(kinds), {"standard (10 options)": {"test": rows}})


def seedbench(folder: Path) -> None:
    """Seven questions on pictures; the column holds a list of one."""
    rows = [
        {
            "answer": answer(i, 4),
            **{f"choice_{c}": thing for c, thing in zip("abcd", options(i, 4), strict=True)},
            "data_id": f"{i}_1",
            "data_type": "image",
            "question": f"What does picture {i} show?",
            "question_id": str(200 + i),
            "question_type_id": 1 + i % 3,
            "image": [png(i)],
            "segment": [],
        }
        for i in range(7)
    ]
    kinds = dict.fromkeys(rows[0], TEXT)
    kinds |= {"question_type_id": NUMBER, "image": List(Image()), "segment": List(NUMBER)}
    save(folder, "lmms-lab-encoder/SEED-Bench", Features(kinds), {"default": {"test": rows}})


BLINK = Benchmark(
    "blink",
    blink,
    lambda doc: doc["answer"],
    lambda doc: f"({other(doc['answer'].strip('()'), len(doc['choices']))})",
)
MMMU_PRO = Benchmark(
    "mmmu_pro", mmmu_pro, lambda doc: doc["answer"], lambda doc: other(doc["answer"], 4)
)
SEEDBENCH = Benchmark(
    "seedbench", seedbench, lambda doc: doc["answer"], lambda doc: other(doc["answer"], 4)
)
