"""Placed documents, and that a shifted task asks its base task's own questions."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, Image
from hypothesis import given
from hypothesis import strategies as st
from lmms_eval.tasks import TaskManager
from PIL import Image as Pictures

from lmms_bapa.harness.shift_documents import (
    DOCUMENT,
    PLACEMENT,
    BareDocuments,
    PlacedDocuments,
    bare,
)

from .shift_runs import manager, questions, write_base, write_shift


@given(st.integers(1, 7), st.integers(1, 5))
def test_every_document_at_every_place(count: int, places: int) -> None:
    names = [f"p{i}" for i in range(places)]
    table = Dataset.from_dict({"n": list(range(count))})
    placed = PlacedDocuments(table, names)
    expected = [{"n": n, DOCUMENT: n, PLACEMENT: p} for n in range(count) for p in names]
    assert len(placed) == len(expected)
    assert list(placed) == expected
    assert [placed[i] for i in range(len(placed))] == expected
    assert [placed[i] for i in reversed(range(len(placed)))] == expected[::-1]
    assert placed[-1] == expected[-1]
    assert [bare(document) for document in placed] == [{"n": d["n"]} for d in expected]
    with pytest.raises(IndexError):
        placed[len(placed)]


def test_columns_are_the_base_tasks_and_two_more() -> None:
    placed = PlacedDocuments(Dataset.from_dict({"n": [1], "m": [2]}), ["p"])
    assert list(placed.features) == ["n", "m"]
    assert placed.column_names == ["n", "m", DOCUMENT, PLACEMENT]


def test_what_is_written_into_a_document_stays_there() -> None:
    table = Dataset.from_dict({"answers": [[["a"], ["b"]]], "more": [{"k": ["x"]}]})
    placed = PlacedDocuments(table, ["p", "q"])
    for first, second in ((placed[0], placed[1]), tuple(placed)):
        first["answers"][0][0] = "changed"
        first["more"]["k"].append("changed")
        assert second["answers"] == [["a"], ["b"]]
        assert second["more"] == {"k": ["x"]}
        assert placed[0]["answers"] == [["a"], ["b"]]


def test_what_is_drawn_on_a_picture_stays_there() -> None:
    buffer = io.BytesIO()
    Pictures.new("RGB", (2, 2), "red").save(buffer, "png")
    stored = {"bytes": buffer.getvalue(), "path": None}
    table = Dataset.from_dict({"image": [stored]}).cast_column("image", Image())
    placed = PlacedDocuments(table, ["p", "q"])
    for first, second in ((placed[0], placed[1]), tuple(placed)):
        first["image"].paste("blue", (0, 0, 2, 2))
        for other in (second, placed[0]):
            assert other["image"].getpixel((1, 1)) == (255, 0, 0)
            assert other["image"].format == "PNG"


class Watched:
    """Documents that remember which of them were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, number: int) -> dict[str, Any]:
        self.read.append(number)
        return {"n": number, DOCUMENT: 0, PLACEMENT: "p"}


def test_bare_documents_are_read_when_asked_for() -> None:
    watched = Watched()
    documents = BareDocuments(watched, [7, 3, 5])
    assert len(documents) == 3
    assert watched.read == []
    assert next(iter(documents)) == {"n": 7}
    assert watched.read == [7]
    assert list(documents) == [{"n": 7}, {"n": 3}, {"n": 5}]
    assert documents[-1] == {"n": 5}


def test_a_filter_that_looks_at_no_document_reads_none(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path, rows=2)
    (task,) = load(tmp_path, "shifted")
    task.build_all_requests()
    for request in task.instances:
        request.resps.append("1")
    task.task_docs = watched = Watched()
    task.apply_filters()
    assert watched.read == []
    assert [r.filtered_resps for r in task.instances] == [{"none": "1"}] * 10


EXAMPLE_CODE = """
import PIL.Image

EXAMPLE = {"type": "image", "url": PIL.Image.new("RGB", (5, 5), "red")}


def messages(doc):
    asked = {"type": "image", "url": doc["pictures"][0]}
    return [
        {"role": "user", "content": [EXAMPLE, {"type": "text", "text": "An example"}]},
        {"role": "user", "content": [asked, {"type": "text", "text": doc["question"]}]},
    ]
"""


def test_an_example_that_all_questions_share_is_shifted_once(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    functions, base = tmp_path / "functions.py", tmp_path / "base.yaml"
    functions.write_text(functions.read_text() + EXAMPLE_CODE)
    base.write_text(base.read_text() + "\ndoc_to_messages: !function functions.messages\n")
    write_shift(tmp_path, rows=2)
    (task,) = load(tmp_path, "shifted")
    shown = [task.doc_to_messages(document) for document in task.test_docs()]
    sizes = [[m["content"][0]["url"].size for m in messages] for messages in shown]
    assert sizes == ([[(5, 5), (20, 12)]] + [[(10, 10), (40, 24)]] * 4) * 2
    assert shown[1][1]["content"][1] == {"type": "text", "text": "Question 0"}


def load(folder: Path, *names: str, **kwargs: Any) -> list[Any]:
    known = TaskManager(include_path=[str(folder)], include_defaults=False, **kwargs)
    return [known.load_task_or_group([name], "chat")[name] for name in names]


def test_few_shot_examples_are_the_base_tasks(tmp_path: Path) -> None:
    changes = {"num_fewshot": 2, "fewshot_config": {"sampler": "default"}, "description": "Look. "}
    write_base(tmp_path, questions(6), **changes)
    write_shift(tmp_path, rows=2)
    base, shifted = load(tmp_path, "base", "shifted")
    for task in (base, shifted):
        task.set_fewshot_seed(7)
        task.build_all_requests()
    contexts = [request.args[0] for request in base.instances]
    assert len(set(contexts)) == 6
    assert all(context.count("Question") == 3 for context in contexts)
    assert [request.args[0] for request in shifted.instances] == [
        context for context in contexts for _ in range(5)
    ]


@pytest.mark.parametrize("shift", [{}, {"documents": 1}])
def test_examples_come_from_unplaced_documents(tmp_path: Path, shift: dict[str, int]) -> None:
    write_base(tmp_path, questions(3))
    write_shift(tmp_path, **shift)
    base, shifted = load(tmp_path, "base", "shifted")
    assert list(shifted.fewshot_docs()) == list(base.fewshot_docs())


def test_a_target_that_the_base_task_never_asks_for_may_fail(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    functions, base = tmp_path / "functions.py", tmp_path / "base.yaml"
    functions.write_text(
        f"{functions.read_text()}\n\ndef target(doc):\n    return {{'0': 'first'}}[doc['answer']]\n"
    )
    text = base.read_text()
    base.write_text(
        text.replace("doc_to_target: answer", "doc_to_target: !function functions.target")
    )
    write_shift(tmp_path, rows=2)
    (task,) = load(tmp_path, "shifted")
    task.build_all_requests()
    assert len(task.instances) == 10


PROMPTS = {"default": {"before": "Hello. "}, "llava_bapa": {"before": "Dear model. "}}
PROMPT_CODE = """

def text(doc, kwargs):
    return kwargs["before"] + doc["question"]
"""


@pytest.mark.parametrize("model", [None, "llava_bapa", "hf_bapa"])
def test_prompts_for_a_model_are_the_base_tasks(tmp_path: Path, model: str | None) -> None:
    write_base(tmp_path, questions(2), lmms_eval_specific_kwargs=PROMPTS)
    base_yaml, functions = tmp_path / "base.yaml", tmp_path / "functions.py"
    functions.write_text(functions.read_text() + PROMPT_CODE)
    text = base_yaml.read_text()
    base_yaml.write_text(
        text.replace("doc_to_text: question", "doc_to_text: !function functions.text")
    )
    write_shift(tmp_path, "shifted", layout="none")
    base, shifted = load(tmp_path, "base", "shifted", model_name=model)
    said = [t.doc_to_messages(t.test_docs()[1])[0]["content"][-1]["text"] for t in (base, shifted)]
    greeting = "Dear model." if model == "llava_bapa" else "Hello."
    assert said == [f"{greeting} Question 1"] * 2


def test_generation_arguments_are_the_base_tasks(tmp_path: Path) -> None:
    write_base(tmp_path, questions(1), generation_kwargs={"max_new_tokens": 3, "until": ["."]})
    write_shift(tmp_path)
    base, shifted = load(tmp_path, "base", "shifted")
    for task in (base, shifted):
        task.build_all_requests()
    assert {str(r.args[2]) for r in shifted.instances} == {str(base.instances[0].args[2])}


def test_keys_of_the_yaml_replace_those_of_the_base_task(tmp_path: Path) -> None:
    write_base(tmp_path, questions(1))
    write_shift(tmp_path, layout="none")
    path = tmp_path / "shifted.yaml"
    path.write_text(path.read_text() + "\ndoc_to_text: answer\n")
    (task,) = load(tmp_path, "shifted")
    assert task.doc_to_messages(task.test_docs()[0])[0]["content"][-1]["text"] == "0"


def test_filtered_base_documents_are_not_copied(tmp_path: Path) -> None:
    write_base(tmp_path, questions(6))
    functions = tmp_path / "functions.py"
    functions.write_text(
        functions.read_text() + "\n\ndef odd(data):\n    return data.select([1, 3, 5])\n"
    )
    base = tmp_path / "base.yaml"
    base.write_text(base.read_text() + "\nprocess_docs: !function functions.odd\n")
    write_shift(tmp_path, rows=2)
    (task,) = load(tmp_path, "shifted")
    documents = task.test_docs()
    assert [doc["answer"] for doc in documents] == [a for a in "135" for _ in range(5)]
    assert documents.documents.num_rows == 3
    assert documents.documents.data.num_rows == 6  # the table is the data set's own, untouched


def test_a_manager_is_found_without_being_told(tmp_path: Path) -> None:
    write_base(tmp_path, questions(1))
    write_shift(tmp_path, layout="none")
    known = manager(tmp_path)
    assert len(known.load_task_or_group(["shifted"], "chat")["shifted"].test_docs()) == 1
