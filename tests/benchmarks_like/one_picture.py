"""Benchmarks with one picture and options that are chosen by letter."""

from __future__ import annotations

from pathlib import Path

from datasets import Features, Image

from .pictures import png
from .spec import (
    LETTERS,
    NUMBER,
    TEXT,
    TEXTS,
    Benchmark,
    Doc,
    answer,
    listed,
    options,
    other,
    save,
)

ONLY_THE_LETTER = (
    "Please answer directly with only the letter of the correct option and nothing else."
)


def scienceqa(folder: Path) -> None:
    """Seven questions with two to four choices, some with a hint."""
    rows = []
    for i in range(7):
        count = 2 + i % 3
        rows.append(
            {
                "image": png(i, ("RGB", "RGBA")[i % 2]),
                "question": f"What does picture {i} show?",
                "choices": options(i, count),
                "answer": LETTERS.index(answer(i, count)),
                "hint": "" if i % 2 else "Things have names.",
                "task": "closed choice",
                "grade": "grade2",
                "subject": "natural science",
                "topic": "physics",
                "category": "Materials",
                "skill": "Identify things",
                "lecture": "",
                "solution": "",
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image(), "choices": TEXTS, "answer": NUMBER}
    without = [row | {"image": None, "question": "What does picture 9 show?"} for row in rows[:1]]
    tables = {"ScienceQA-FULL": {"test": rows + without}, "ScienceQA-IMG": {"test": rows}}
    save(folder, "lmms-lab-encoder/ScienceQA", Features(kinds), tables)


def mmbench(folder: Path) -> None:
    """Two questions in all rotations of their options (``index`` + k million), three without."""
    rows = []
    for index, turns in ((11, 4), (12, 1), (13, 2), (14, 1), (15, 1)):
        count = 3 if index == 13 else 4
        things = options(index, count)
        for turn in range(turns):
            i = len(rows)
            turned = things[turn:] + things[:turn]
            shown = dict(zip("ABCD", [*turned, "nan"], strict=False))
            rows.append(
                {
                    "index": index + 1_000_000 * turn,
                    "question": f"What does picture {i} show?",
                    "hint": "nan" if index % 2 else "It is a thing.",
                    "answer": LETTERS[turned.index(things[1])],
                    **shown,
                    "category": "object_localization" if index < 13 else "action_recognition",
                    "image": png(index),  # rotations show the same picture
                    "source": "reasonseg",
                    "L2-category": "finegrained_perception" if index < 13 else "coarse_perception",
                    "comment": "nan",
                    "split": "dev",
                }
            )
    kinds = dict.fromkeys(rows[0], TEXT) | {"index": NUMBER, "image": Image()}
    test = [row | {"split": "test", "answer": "nan"} for row in rows]
    save(
        folder,
        "lmms-lab-encoder/MMBench",
        Features(kinds),
        {"en": {"dev": rows, "test": test}},
    )


def crpe(folder: Path) -> None:
    """Seven questions on relations; the options stand in the question."""
    rows = [
        {
            "question_id": str(i),
            "image": png(i, ("RGB", "L")[i % 2]),
            "text": f"What is above the table in picture {i}?\n{listed(options(i, 4))}\n"
            + ONLY_THE_LETTER,
            "correct_option": answer(i, 4),
            "category": ("subject", "predicate", "object")[i % 3],
        }
        for i in range(7)
    ]
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image()}
    save(folder, "nv-njb/CRPE", Features(kinds), {"default": {"test": rows}})


def mmstar(folder: Path) -> None:
    """Eight questions: two finer kinds in each of two categories, one in each of the others."""
    kinds_of = {
        "coarse perception": ("image scene and topic", "image emotion", "image emotion"),
        "math": ("geometry",),
        "fine-grained perception": ("localization",),
        "instance reasoning": ("single-instance reasoning",),
        "logical reasoning": ("diagram reasoning",),
        "science & technology": ("electronics & energy & mechanical eng.",),
    }
    pairs = [(category, finer) for category, all_finer in kinds_of.items() for finer in all_finer]
    rows = [
        {
            "index": i,
            "question": f"What does picture {i} show?\nOptions: "
            + ", ".join(listed(options(i, 4), "{}: {}").splitlines()),
            "image": png(i),
            "answer": answer(i, 4),
            "category": category,
            "l2_category": finer,
            "meta_info": {"source": "MMBench", "split": "val", "image_path": f"images/{i}.jpg"},
        }
        for i, (category, finer) in enumerate(pairs)
    ]
    kinds = dict.fromkeys(rows[0], TEXT) | {"index": NUMBER, "image": Image()}
    kinds["meta_info"] = dict.fromkeys(("source", "split", "image_path"), TEXT)
    save(folder, "Lin-Chen/MMStar", Features(kinds), {"val": {"val": rows}})


def realworldqa(folder: Path) -> None:
    """Five questions with options, one with a number as answer and one with a word."""
    rows = []
    for i in range(7):
        question = f"What is ahead in picture {i}?"
        if i < 5:
            question += f"\n{listed(options(i, 3))}\n{ONLY_THE_LETTER}"
        else:
            question += "\nPlease answer directly with a single word or number."
        rows.append(
            {
                "image": png(i),
                "question": question,
                "answer": answer(i, 3) if i < 5 else ("4", "Downhill")[i - 5],
                "image_path": f"{i}.webp",
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image()}
    save(folder, "lmms-lab-encoder/RealWorldQA", Features(kinds), {"default": {"test": rows}})


def textvqa(folder: Path) -> None:
    """Seven questions with ten answers each; in some, not all of the ten agree."""
    rows = []
    for i in range(7):
        word, misread = options(i, 2)
        agreeing = (10, 10, 10, 9, 3, 10, 2)[i]
        rows.append(
            {
                "image_id": f"{i:016x}",
                "question_id": 34602 + i,
                "question": f"what is written in picture {i}?",
                "question_tokens": ["what", "is", "written"],
                "image": png(i),
                "image_width": 100,
                "image_height": 100,
                "flickr_original_url": "",
                "flickr_300k_url": "",
                "answers": [word] * agreeing + [misread + "s"] * (10 - agreeing),
                "image_classes": ["Thing"],
                "set_name": "val",
                "ocr_tokens": [word.upper()],
            }
        )
    kinds = dict.fromkeys(rows[0], TEXT) | {"image": Image(), "question_id": NUMBER}
    kinds |= dict.fromkeys(("image_width", "image_height"), NUMBER)
    kinds |= dict.fromkeys(("question_tokens", "answers", "image_classes", "ocr_tokens"), TEXTS)
    save(folder, "lmms-lab-encoder/textvqa", Features(kinds), {"default": {"validation": rows}})


def _choice(doc: Doc) -> str:
    return LETTERS[doc["answer"]]


SCIENCEQA = Benchmark(
    "scienceqa",
    scienceqa,
    _choice,
    lambda doc: other(_choice(doc), len(doc["choices"])),
)
MMBENCH = Benchmark(
    "mmbench",
    mmbench,
    lambda doc: "A" if doc["answer"] == "nan" else doc["answer"],
    lambda doc: "B" if doc["answer"] == "nan" else other(doc["answer"], 3),
)
CRPE = Benchmark(
    "crpe_relation",
    crpe,
    lambda doc: doc["correct_option"],
    lambda doc: other(doc["correct_option"], 4),
)


def _not_the_word(doc: Doc) -> str:
    word = doc["answer"]
    return other(word, 3) if len(word) == 1 and word.isalpha() else f"not {word}"


MMSTAR = Benchmark("mmstar", mmstar, lambda doc: doc["answer"], lambda doc: other(doc["answer"], 4))
REALWORLDQA = Benchmark("realworldqa", realworldqa, lambda doc: doc["answer"], _not_the_word)
TEXTVQA = Benchmark("textvqa", textvqa, lambda doc: doc["answers"][0], lambda doc: "nothing")
