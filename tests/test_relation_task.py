"""The relation probe as a task of the harness, answered by puppets with known figures."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.tasks import TaskManager
from loguru import logger

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.relation_task import METRICS, RelationProbe, process_results
from lmms_bapa.probes.relations import RELATIONS_VERSION
from lmms_bapa.resources import folder

from .harness_runs import Puppet, adapter, evaluate

TASK = "spatial_relation_probe_lite"
ALL_TASKS = {"spatial_relation_probe": 2160, "spatial_relation_probe_lite": 432}


@lru_cache
def known() -> TaskManager:
    return TaskManager(include_defaults=False)


def run(model: Any, **kwargs: Any) -> dict[str, Any]:
    return evaluate(model, [TASK], manager=known(), **kwargs)


def figures(answer: Any) -> dict[str, Any]:
    results = run(Puppet(answer))
    return {k.removesuffix(",none"): v for k, v in results["results"][TASK].items()}


def column(doc: dict[str, Any], name: str) -> int:
    cell: int = doc["cells"][doc["tiles"].index(name)]
    return cell % 3 if doc["relation"] in ("left", "right") else cell // 3


@pytest.mark.parametrize(("task", "questions"), ALL_TASKS.items())
def test_every_task_is_found_and_has_its_questions(task: str, questions: int) -> None:
    loaded = known().load_task_or_group(task)[task]
    assert len(loaded.test_docs()) == questions
    assert loaded.VERSION == 1.0
    assert set(loaded.aggregation()) == set(METRICS)
    assert set(METRICS) <= set(process_results(loaded.test_docs()[0], ["Yes"]))


def test_an_oracle_is_perfect() -> None:
    got = figures(lambda doc: doc["answer"])
    assert got["accuracy"] == got["balanced_accuracy"] == got["pair_accuracy"] == 1
    assert got["relation_accuracy"] == dict.fromkeys(("left", "right", "above", "below"), 1)
    assert got["distance_accuracy"] == {"1": 1, "2": 1}
    assert got["yes_rate"] == got["chance"] == 0.5
    assert got["unparsed"] == 0


def test_a_constant_answer_gets_no_pair() -> None:
    got = figures(lambda _: "Yes")
    assert got["accuracy"] == got["balanced_accuracy"] == got["chance"] == 0.5
    assert got["pair_accuracy"] == 0
    assert got["yes_rate"] == 1


def test_a_model_that_mixes_up_left_and_right() -> None:
    opposite = {"Yes": "No", "No": "Yes"}
    got = figures(
        lambda doc: (
            opposite[doc["answer"]] if doc["relation"] in ("left", "right") else doc["answer"]
        )
    )
    assert got["relation_accuracy"] == {"left": 0, "right": 0, "above": 1, "below": 1}
    assert got["accuracy"] == got["pair_accuracy"] == 0.5


def test_the_place_of_one_picture_alone_is_worth_what_the_documentation_says() -> None:
    """Knows in which column or row the subject stands, and takes the middle one for the first."""

    def answer(doc: dict[str, Any]) -> str:
        near_start = column(doc, doc["subject"]) < 2
        return "Yes" if near_start == (doc["relation"] in ("left", "above")) else "No"

    got = figures(answer)
    assert got["accuracy"] == pytest.approx(5 / 6)
    assert got["pair_accuracy"] == pytest.approx(2 / 3)
    assert got["distance_accuracy"] == {"1": 0.75, "2": 1.0}


def test_babble_is_counted_and_is_wrong() -> None:
    got = figures(lambda doc: "The star is left." if doc["relation"] == "left" else doc["answer"])
    assert got["unparsed"] == 0.25
    assert got["accuracy"] == 0.75
    assert got["relation_accuracy"]["left"] == 0


def test_the_standard_error_is_clustered_by_group() -> None:
    opposite = {"Yes": "No", "No": "Yes"}
    got = figures(lambda doc: doc["answer"] if doc["group"] % 3 else opposite[doc["answer"]])
    # Liang and Zeger's estimate: 9 groups all wrong, 18 all right.
    by_hand = math.sqrt(9 * (16 * 2 / 3) ** 2 + 18 * (16 / 3) ** 2) / 432
    assert got["accuracy_stderr_clustered"] == pytest.approx(by_hand, rel=0.03)
    assert got["pair_accuracy_stderr_clustered"] == "N/A"


def test_words_and_verdict_are_in_the_sample_log() -> None:
    results = run(Puppet(lambda _: "No."), limit=2, log_samples=True)
    logged = results["samples"][TASK][0]
    assert logged["question_id"] == "00000-0-left-placed"
    assert (logged["said"], logged["score"]) == ("no", float(logged["answer"] == "No"))
    assert {"subject", "relation", "reference", "distance"} <= set(logged)
    json.dumps({k: v for k, v in logged.items() if k not in ("doc", "arguments")})
    assert results["configs"][TASK]["metadata"]["generator"] == RELATIONS_VERSION


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"dataset_kwargs": {"group": 3}}, "unknown option 'group': did you mean groups?"),
        ({"dataset_kwargs": {"distractors": 8}}, "distractors=8: the grid has room for 7"),
        ({"metadata": {"generator": "0.9"}}, "metadata.generator is '0.9'"),
        ({"metadata": None}, "metadata.generator is None"),
    ],
)
def test_a_wrong_specification_is_one_clear_line(changes: dict[str, Any], line: str) -> None:
    config = known()._get_config(TASK)
    with pytest.raises(UsageError) as caught:
        RelationProbe(config={**config, **changes})
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_probe_of_ones_own_is_a_few_lines_of_yaml(tmp_path: Path) -> None:
    template = folder("tasks") / "spatial_relation_probe" / "_spatial_relation_probe_yaml"
    (tmp_path / "mine.yaml").write_text(
        f"include: {template}\ntask: mine\ndataset_kwargs: {{rows: 4, groups: 3, distractors: 2}}\n"
    )
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    results = evaluate(Puppet(lambda doc: doc["answer"]), ["mine"], manager=manager)
    assert results["results"]["mine"]["pair_accuracy,none"] == 1
    assert results["n-samples"]["mine"]["effective"] == 48


def test_a_model_that_never_learned_the_words_says_so() -> None:
    said: list[str] = []
    sink = logger.add(said.append, level="WARNING", format="{message}")
    try:
        run(adapter(batch_size=16), limit=16)
    finally:
        logger.remove(sink)
    assert any("micro-llava does not know" in line and TASK in line for line in said)


def test_a_grid_that_an_embedded_model_never_saw_is_refused(tmp_path: Path) -> None:
    template = folder("tasks") / "spatial_relation_probe" / "_spatial_relation_probe_yaml"
    (tmp_path / "mine.yaml").write_text(
        f"include: {template}\ntask: mine\ndataset_kwargs: {{rows: 4, groups: 2}}\n"
    )
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    model = HFBapa(pretrained="micro-llava-relations", device="cpu")
    with pytest.raises(UsageError, match="micro-llava-relations knows 3 x 3 grids only, not 4 x 4"):
        evaluate(model, ["mine"], manager=manager)
