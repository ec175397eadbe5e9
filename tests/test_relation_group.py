"""The group spatial_reasoning: built-in tasks on small local data, and two subsets of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml
from lmms_eval.tasks import TaskManager

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.relation_subsets import cv_bench_relations
from lmms_bapa.resources import folder

from .benchmarks_like import write
from .benchmarks_like.runs import BUILT_IN, isolated, manager
from .harness_runs import Puppet, evaluate

BASES = ("cv_bench", "vstar_bench", "blink", "embspatial", "sat", "3dsrbench")
VSTAR = "relative_position"
DOCUMENTS = {"cv_bench_2d_relation": 2, "vstar_bench_relation": 3}
TEMPLATES = {"cv_bench_2d_relation": "cv_bench", "vstar_bench_relation": "vstar_bench"}


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("benchmarks")
    for name in BASES:
        write(name, path)
    with isolated(path):
        yield path


@pytest.fixture(scope="module")
def known(benchmarks: Path) -> TaskManager:
    return manager(*BASES)


def test_every_name_of_the_group_exists_in_the_harness(known: TaskManager) -> None:
    names = known._get_config("spatial_reasoning")["task"]
    assert len(names) == len(set(names)) == 7
    assert {n: known.task_index[n]["type"] for n in names} == {
        **dict.fromkeys(names, "task"),
        "spatial_relation_probe": "python_task",
    }


def test_the_group_runs_by_its_name(known: TaskManager) -> None:
    def answer(doc: dict[str, Any]) -> str:
        return "Yes" if "tiles" in doc else "A"

    results = evaluate(Puppet(answer), ["spatial_reasoning"], manager=known)
    names = known._get_config("spatial_reasoning")["task"]
    assert set(names) <= set(results["results"])
    assert results["group_subtasks"]["spatial_reasoning"] == names
    counts = {n: results["n-samples"][n]["effective"] for n in names}
    assert {n: counts[n] for n in DOCUMENTS} == DOCUMENTS
    assert counts["spatial_relation_probe"] == 2160
    assert results["results"]["spatial_relation_probe"]["accuracy,none"] == 0.5
    whole = results["results"]["spatial_reasoning"]
    assert not [key for key in whole if key.endswith(",none")]


@pytest.mark.parametrize(
    ("task", "metric", "column", "value", "top"),
    [
        ("cv_bench_2d_relation", "cv_bench_acc", "task", "Relation", 1),
        ("vstar_bench_relation", f"vstar_{VSTAR}_acc", "category", VSTAR, 100),
    ],
)
def test_a_subset_asks_relations_only(
    known: TaskManager, task: str, metric: str, column: str, value: str, top: int
) -> None:
    loaded = known.load_task_or_group(task)[task]
    documents = loaded.test_docs()
    assert set(documents[column]) == {value}
    key = loaded.config.doc_to_target
    first = documents[0][key].strip("()")
    results = evaluate(
        Puppet(lambda doc: first if doc[key] == documents[0][key] else "Z"), [task], manager=known
    )
    share = sum(d[key] == documents[0][key] for d in documents) / len(documents)
    assert results["results"][task][f"{metric},none"] == pytest.approx(share * top)


@pytest.mark.parametrize("task", TEMPLATES)
def test_a_subset_is_otherwise_the_built_in_task(task: str) -> None:
    """So that a change of the harness is seen."""

    def read(path: Path) -> dict[str, Any]:
        class Loader(yaml.SafeLoader):
            pass

        Loader.add_constructor("!function", lambda loader, node: node.value.split(".")[-1])
        content: dict[str, Any] = yaml.load(path.read_text(), Loader)
        return content

    ours = read(folder("tasks") / "spatial_reasoning" / f"{task}.yaml")
    theirs = read(BUILT_IN / TEMPLATES[task] / "_default_template_yaml")
    for key in set(theirs) - {"task", "metadata", "metric_list", "dataset_name"}:
        assert ours[key] == theirs[key], key
    added = {"process_docs", "metric_list", "dataset_path", "dataset_name", "test_split"}
    assert set(ours) - set(theirs) <= added | {"task", "metadata"}
    metric = {"cv_bench": "cv_bench_acc", "vstar_bench": "vstar_relative_position_acc"}
    assert [m["metric"] for m in ours["metric_list"]] == [metric[TEMPLATES[task]]]


def test_a_changed_data_set_is_refused() -> None:
    documents = datasets.Dataset.from_dict({"task": ["Count", "Order", "Count"]})
    with pytest.raises(UsageError, match=r"no question has task='Relation', only \['Count', 'Or"):
        cv_bench_relations(documents)


def test_the_harnesss_own_relative_position_task_is_still_broken(known: TaskManager) -> None:
    """Fails when the harness is repaired: then the group can take its task."""
    config = known._get_config("vstar_bench_relative_position")
    assert config["dataset_kwargs"] == {"category": "relative_position"}
    with pytest.raises(ValueError, match="doesn't have a 'category' key"):
        datasets.load_dataset(config["dataset_path"], **config["dataset_kwargs"])
