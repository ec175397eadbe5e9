"""The probe as a task of the harness, answered by puppets whose figures are known beforehand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lmms_eval.tasks import TaskManager
from loguru import logger

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.probe_task import METRICS, SpatialProbe, doc_to_visual, process_results
from lmms_bapa.probes.questions import GENERATOR_VERSION

from .harness_runs import Puppet, adapter, command_line, evaluate

TASK = "spatial_probe_lite"
ALL_TASKS = {
    "spatial_probe": 9000,
    "spatial_probe_lite": 900,
    "spatial_probe_hard": 9000,
    "spatial_probe_hard_5x5": 5000,
    "spatial_probe_paper_order": 9000,
    "spatial_probe_free": 9000,
    "spatial_probe_pixel": 8064,
}
SHIFT_METRICS = {"shift_accuracy", "shift_std", "shift_range"}


def figures(answer: Any, task: str = TASK, **kwargs: Any) -> dict[str, Any]:
    results = evaluate(Puppet(answer), [task], **kwargs)
    return {k.removesuffix(",none"): v for k, v in results["results"][task].items()}


@pytest.mark.parametrize(("task", "questions"), ALL_TASKS.items())
def test_every_task_is_found_and_has_its_questions(task: str, questions: int) -> None:
    manager = TaskManager(include_defaults=False)
    loaded = manager.load_task_or_group(task)[task]
    assert len(loaded.test_docs()) == questions
    assert loaded.VERSION == 1.0
    assert set(loaded.aggregation()) == {*METRICS, *SHIFT_METRICS}
    scored = set(process_results(loaded.test_docs()[0], ["Yes"]))
    assert set(METRICS) <= scored
    assert scored & SHIFT_METRICS == (SHIFT_METRICS if task == "spatial_probe_pixel" else set())


def test_an_oracle_is_perfect() -> None:
    got = figures(lambda doc: doc["answer"])
    assert got["accuracy"] == got["balanced_accuracy"] == got["cell_worst"] == 1
    assert got["cell_std"] == got["cell_range"] == got["unparsed"] == 0
    assert got["consistency"] == 1
    assert got["yes_rate"] == got["chance"] == 0.5
    assert not SHIFT_METRICS & set(got)


def test_always_yes_is_chance() -> None:
    got = figures(lambda _: "Yes")
    assert got["balanced_accuracy"] == 0.5
    assert got["cell_accuracy"] == [[1.0] * 3] * 3
    assert got["yes_rate"] == 1


def test_a_model_that_is_blind_in_one_corner_shows_it_there() -> None:
    got = figures(lambda doc: "No" if doc["cell"] == 2 else doc["answer"])
    assert got["cell_accuracy"] == [[1, 1, 0], [1, 1, 1], [1, 1, 1]]
    assert got["cell_worst"] == 0
    assert got["cell_range"] == 1
    assert got["cell_std"] == pytest.approx(math.sqrt(8 / 81))
    assert got["consistency"] == 0
    assert got["balanced_accuracy"] == pytest.approx((8 / 9 + 1) / 2)


def test_babble_is_counted_and_is_wrong() -> None:
    got = figures(lambda doc: "perhaps" if doc["asked"] == "absent" else "Yes")
    assert got["unparsed"] == 0.5
    assert got["balanced_accuracy"] == 0.5


def test_the_standard_error_is_clustered_by_group() -> None:
    """All questions of every other group right, the rest wrong: 50 clusters, not 900 answers."""

    def answer(doc: dict[str, Any]) -> str:
        wrong = {"Yes": "No", "No": "Yes"}
        return doc["answer"] if doc["group"] % 2 else wrong[doc["answer"]]

    got = figures(answer)
    # Liang and Zeger's estimate: sum over clusters of the squared sum of residuals, over n².
    by_hand = math.sqrt(50 * (18 * 0.5) ** 2) / 900
    assert got["accuracy_stderr_clustered"] == pytest.approx(by_hand, rel=0.02)
    assert got["accuracy_stderr_clt"] < got["accuracy_stderr_clustered"] / 4
    assert got["cell_std_stderr_clustered"] == "N/A"


def test_a_zone_that_is_not_seen_shows_with_irregular_boxes() -> None:
    def answer(doc: dict[str, Any]) -> str:
        # The middle zone of the canvas, by pixels.
        middle = all(
            280 <= start <= start + doc["side"] <= 560 for start in (doc["left"], doc["top"])
        )
        return "No" if middle else doc["answer"]

    got = figures(answer, "spatial_probe_free", limit=180)
    assert got["cell_accuracy"] == [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert got["consistency"] == 0


def test_a_model_that_stumbles_over_a_displacement_shows_it_there() -> None:
    """Wrong at 7 px for every second group, whatever is asked: 9 groups, 5 of them even."""

    def answer(doc: dict[str, Any]) -> str:
        wrong = {"Yes": "No", "No": "Yes"}
        return (
            wrong[doc["answer"]] if doc["shift"] == 7 and doc["group"] % 2 == 0 else doc["answer"]
        )

    got = figures(answer, "spatial_probe_pixel", limit=9 * 16)
    assert got["shift_accuracy"] == [1, 1, 1, 1, 4 / 9, 1, 1, 1]
    assert got["shift_range"] == pytest.approx(5 / 9)
    assert got["shift_std"] == pytest.approx(math.sqrt(7) / 8 * 5 / 9)
    assert got["consistency"] == 4 / 9
    assert sorted(np.ravel(got["cell_accuracy"])) == [7 / 8] * 5 + [1] * 4


def test_chance_is_of_the_questions_asked() -> None:
    assert figures(lambda doc: doc["answer"], limit=3)["chance"] == 2 / 3


def test_figures_without_data_are_nan() -> None:
    got = figures(lambda doc: doc["answer"], limit=2)  # one cell of nine
    assert math.isnan(got["cell_std"])
    assert math.isnan(got["consistency"])
    assert got["balanced_accuracy"] == 1
    assert got["cell_accuracy"][0][0] == 1
    assert np.isnan(np.array(got["cell_accuracy"])).sum() == 8


def test_place_and_identity_are_in_the_sample_log() -> None:
    results = evaluate(Puppet(lambda doc: doc["answer"]), [TASK], limit=4, log_samples=True)
    logged = results["samples"][TASK][3]
    assert (logged["question_id"], logged["cell"], logged["asked"]) == (
        "00000-01-absent",
        1,
        "absent",
    )
    assert (logged["score"], logged["said"], logged["answer"]) == (1.0, "no", "No")
    where = dict(layout="grid", rows=3, canvas=840, place=1, shift=0, left=285, top=8, side=270)
    assert logged["where"] == where
    json.dumps({k: v for k, v in logged.items() if k not in ("doc", "arguments")})


def test_the_generators_version_is_in_the_results() -> None:
    results = evaluate(Puppet(lambda doc: doc["answer"]), [TASK], limit=2)
    assert results["configs"][TASK]["metadata"]["generator"] == GENERATOR_VERSION
    assert results["versions"][TASK] == 1.0


def task_with(**changes: Any) -> SpatialProbe:
    manager = TaskManager(include_defaults=False)
    config = manager._get_config(TASK)
    return SpatialProbe(config={**config, **changes})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"dataset_kwargs": {"group": 3}}, "unknown option 'group': did you mean groups?"),
        ({"dataset_kwargs": {"rows": 1}}, "rows=1: should be greater than or equal to 2"),
        ({"dataset_kwargs": {"order": "random"}}, "order='random': should be 'swap' or 'shift'"),
        ({"metadata": {"generator": "0.9"}}, "metadata.generator is '0.9'"),
        ({"metadata": ["version"]}, f"{TASK}: metadata should be a mapping"),
        ({"dataset_kwargs": 4}, f"{TASK}: dataset_kwargs should be a mapping"),
        ({"dataset_kwargs": {"shifts": [1, 2]}}, "dataset_kwargs: shifts is an option of layout:"),
    ],
)
def test_a_wrong_specification_is_one_clear_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        task_with(**changes)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_probe_of_ones_own_is_a_few_lines_of_yaml(tmp_path: Path) -> None:
    from lmms_bapa.resources import folder

    template = folder("tasks") / "spatial_probe" / "_spatial_probe_yaml"
    (tmp_path / "mine.yaml").write_text(
        f"include: {template}\ntask: mine\ndataset_kwargs: {{rows: 2, groups: 3, seed: 9}}\n"
    )
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    results = evaluate(Puppet(lambda doc: doc["answer"]), ["mine"], manager=manager)
    assert results["results"]["mine"]["cell_accuracy,none"] == [[1, 1], [1, 1]]
    assert results["n-samples"]["mine"]["effective"] == 3 * 4 * 2


FEW_LINES = "task: mine\nclass: !function lmms_bapa.harness.probe_task.SpatialProbe\n"


def test_the_class_knows_what_a_yaml_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        FEW_LINES + "dataset_kwargs: {rows: 4, groups: 2}\nmetadata: {version: 3.0}\n"
        "generation_kwargs: {max_new_tokens: 3}\n"
    )
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    task = manager.load_task_or_group("mine")["mine"]
    assert task.VERSION == 3.0
    results = evaluate(Puppet(lambda doc: doc["answer"]), ["mine"], manager=manager)
    assert results["results"]["mine"]["cell_accuracy,none"] == [[1] * 4] * 4
    assert results["n-samples"]["mine"]["effective"] == 2 * 16 * 2
    # The response cache reads this; the harness's own settings are the template's.
    assert results["configs"]["mine"]["metadata"]["generator"] == GENERATOR_VERSION
    stock = manager.load_task_or_group(TASK)[TASK].dump_config()
    ours = task.dump_config()
    own = {"task", "dataset_kwargs", "metadata", "generation_kwargs"}
    assert {k for k in stock if ours.get(k) != stock[k]} == own
    assert ours["generation_kwargs"]["max_new_tokens"] == 3


def test_a_yaml_of_two_lines_is_asked_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(FEW_LINES)
    command_line(
        monkeypatch,
        *("--model", "hf_bapa", "--model_args", "pretrained=micro-llava,device=cpu"),
        *("--tasks", "mine", "--include_path", str(tmp_path), "--limit", "18"),
        *("--output_path", str(tmp_path / "out")),
    )
    (found,) = (tmp_path / "out").rglob("*_results.json")
    assert json.loads(found.read_text())["results"]["mine"]["chance,none"] == 0.5


# What the embedded models never learned is refused before the first answer.


def embedded_on(tmp_path: Path, **spec: Any) -> None:
    task = task_with(dataset_kwargs={"groups": 1, **spec})
    doc = task.test_docs()[0]
    assert doc_to_visual(doc)[0].size == (840, 840)
    from lmms_bapa.resources import folder

    template = folder("tasks") / "spatial_probe" / "_spatial_probe_yaml"
    (tmp_path / "mine.yaml").write_text(
        f"include: {template}\ntask: mine\ndataset_kwargs: {json.dumps({'groups': 1, **spec})}\n"
    )
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    evaluate(
        HFBapa(pretrained="micro-llava", device="cpu", batch_size=9), ["mine"], manager=manager
    )


def test_another_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="micro-llava knows 3 x 3 grids only, not 5 x 5"):
        embedded_on(tmp_path, rows=5)


def test_a_caption_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    def asks_for_an_untaught_object(seed: int) -> bool:
        task = task_with(dataset_kwargs={"groups": 1, "objects": "all", "seed": seed})
        return any(o in task.test_docs()[0]["caption"] for o in ("arrow", "umbrella", "flower"))

    seed = next(s for s in range(200) if asks_for_an_untaught_object(s))
    with pytest.raises(UsageError, match="is not in the vocabulary of micro-llava"):
        embedded_on(tmp_path, objects="all", seed=seed)


@pytest.mark.parametrize("task", ["spatial_probe_free", "spatial_probe_pixel"])
def test_other_layouts_are_answered_with_a_warning(task: str) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING")
    try:
        results = evaluate(adapter(batch_size=32), [task], limit=144)
    finally:
        logger.remove(sink)
    assert results["results"][task]["unparsed,none"] == 0
    assert results["results"][task]["balanced_accuracy,none"] > 0.6
    layout = task.removeprefix("spatial_probe_")
    (line,) = [line for line in lines if "regular grid" in line]
    assert f"{task}: micro-llava was trained on the regular grid" in line
    assert f"layout: {layout}" in line
