"""The built-in tasks of the harness on the local data sets, answered with a known mix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from datasets import load_dataset
from PIL import Image as Pillow

from .benchmarks_like import ALL, BENCHMARKS, number, replies, write
from .benchmarks_like.pictures import picture
from .benchmarks_like.runs import Puppets, isolated, manager, run
from .harness_runs import Puppet, adapter, evaluate

# Figures by hand for wrong replies to documents 2 and 5 (and 8) of each data set.
FIVE_OF_SEVEN = pytest.approx(5 / 7)
EXPECTED: dict[str, dict[str, Any]] = {
    # Both wrong ones are a Yes that should be No: three right Yes of five, none missed.
    "pope": {
        "pope_accuracy": 6 / 8,
        "pope_precision": pytest.approx(4 / 6),
        "pope_recall": 1.0,
        "pope_f1_score": pytest.approx(0.8),
        "pope_yes_ratio": 0.5,
    },
    # existence: (200 + 50) / 2, count: 50; code reasoning: 200.
    "mme": {"mme_perception_score": 175.0, "mme_cognition_score": 200.0},
    "scienceqa_img": {"exact_match": FIVE_OF_SEVEN},
    # One wrong rotation makes a question wrong: rows 2, 5 and 8 belong to three of five questions.
    "mmbench_en_dev_static": {"gpt_eval_score": pytest.approx(40), "submission": None},
    "mmbench_en_test": {"submission": None},
    "crpe_relation": {"exact_match": FIVE_OF_SEVEN},
    # 1, 1, 0, 1, (3 x 2/3 + 7) / 10, 0, (2 x 1/3 + 8) / 10 where two readings are 10 - n and n.
    "textvqa_val": {"exact_match": pytest.approx(4.5 / 7), "submission": None},
    "mmmu_pro_standard": {"mmmu_acc": 0.71429},
    "mmstar": {
        "coarse perception": 0.75,
        "fine-grained perception": 1.0,
        "instance reasoning": 0.0,
        "logical reasoning": 1.0,
        "science & technology": 1.0,
        "math": 1.0,
        "average": pytest.approx((1 + 0.5 + 1 + 1 + 0 + 1 + 1) / 7),
    },
    "seedbench": {"seed_image": FIVE_OF_SEVEN, "seed_all": FIVE_OF_SEVEN},
    "realworldqa": {"exact_match": FIVE_OF_SEVEN},
    "cv_bench": {"cv_bench_acc": 6 / 8},
    "vstar_bench": {"vstar_overall_acc": pytest.approx(500 / 7)},
    # Sub-tasks have 2, 3, 4, 2, 3, 4... questions: five times 1, five 2/3, four 3/4.
    "blink": {"blink_acc": pytest.approx((5 + 5 * 2 / 3 + 4 * 3 / 4) / 14)},
    "embspatial": {
        "embspatial_acc": 6 / 8,
        "ai2thor_accuracy": pytest.approx(2 / 3),
        "mp3d_accuracy": 1.0,
        "scannet_accuracy": pytest.approx(2 / 3),
    },
    "sat": {"exact_match": FIVE_OF_SEVEN},
    "3dsrbench": {
        "vanilla_accuracy": 6 / 8,
        "height_accuracy": 1.0,
        "location_accuracy": 0.5,
        "orientation_accuracy": 0.5,
        "multi_object_accuracy": 1.0,
    },
    "refcoco_bbox_rec_val": {"refcoco_ACC@0.5": pytest.approx(2 / 3)},
    "gsm8k_cot_zeroshot": {"exact_match": pytest.approx(2 / 3)},
    "videomme": {"videomme_perception_score": pytest.approx(200 / 3)},
}
JUDGED = "hallusion_bench_image"  # its own metrics ask a service
UNJUDGED = "hallusion_without_judge"
# Question 0 on both figures of the first set is wrong: one question of four, two figures of four.
EXPECTED[UNJUDGED] = {"aAcc": 6 / 8, "qAcc": 3 / 4, "fAcc": 2 / 4}


def without_judge(folder: Path) -> None:
    """HallusionBench with the metrics that its YAML has as comments."""
    scorer = "lmms_eval.tasks.hallusion_bench.evaluate_hb.hb_aggregation_result"
    metrics = [
        f"  - {{metric: {m}, aggregation: !function {scorer}_{m}_intern, higher_is_better: true}}"
        for m in ("aAcc", "qAcc", "fAcc")
    ]
    built_in = manager(JUDGED).task_index[JUDGED]["yaml_path"]
    lines = [f"include: {built_in}", f"task: {UNJUDGED}", "metric_list:", *metrics]
    folder.mkdir()
    (folder / "task.yaml").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with all data sets."""
    folder = tmp_path_factory.mktemp("benchmarks")
    for task in ALL:
        write(task, folder)
    without_judge(folder / "tasks")
    return folder


def results_of(folder: Path, model: Any, tasks: Iterable[str]) -> dict[str, Any]:
    known = manager(*ALL, include=folder / "tasks")
    with isolated(folder):
        return evaluate(model, list(tasks), manager=known, log_samples=True)


def figures(results: dict[str, Any], task: str) -> dict[str, Any]:
    return {key.split(",")[0]: value for key, value in results["results"][task].items()}


@pytest.fixture(scope="module")
def mixed(folder: Path) -> dict[str, Any]:
    """All tasks with the usual mix of right and wrong replies."""
    rules = {task: replies(task) for task in ALL}
    rules[UNJUDGED] = replies(JUDGED, wrong=lambda position: position in (0, 2))
    return results_of(folder, Puppets(rules), EXPECTED)


@pytest.mark.parametrize("task", EXPECTED)
def test_the_tasks_own_score_is_the_one_by_hand(task: str, mixed: dict[str, Any]) -> None:
    got = figures(mixed, task)
    assert {metric: got[metric] for metric in EXPECTED[task]} == EXPECTED[task]


def test_every_benchmark_is_checked() -> None:
    assert set(EXPECTED) == set(ALL) - {JUDGED} | {UNJUDGED}


@pytest.mark.parametrize(("rule", "share"), [("right", 1), ("wrong", 0)])
def test_right_and_wrong_replies_are_what_they_say(rule: str, share: int, folder: Path) -> None:
    full = {"mmbench_en_dev_static": 100, "vstar_bench": 100, "videomme": 100}
    full |= {"mme": 400, "textvqa_val": pytest.approx(6.5 / 7)}
    rules = {task: getattr(ALL[task], rule) for task in ALL}
    rules[UNJUDGED] = rules[JUDGED]
    results = results_of(folder, Puppets(rules), EXPECTED)
    for task, expected in EXPECTED.items():
        metric = next(iter(expected))
        if metric != "submission":
            best = full.get(task, 1)
            assert figures(results, task)[metric] == (best if share else 0), task
            said = {str(sample["resps"]) for sample in results["samples"].get(task, ())}
            assert not share or task == "blink" or len(said) > 1, f"{task}: one answer fits all"


def test_replies_reach_the_submission_of_mmbench(mixed: dict[str, Any], folder: Path) -> None:
    """A test without answers has no figure; what it was answered is all there is."""
    sheet = pd.read_excel(folder / "submissions" / "mmbench_en_test_results.xlsx")
    assert list(sheet["index"] % 1_000_000) == [11] * 4 + [12] + [13] * 2 + [14, 15]
    logged = [s["filtered_resps"][0] for s in mixed["samples"]["mmbench_en_test"]]
    assert "".join(logged) == "AABAABAAB"


def test_every_prompt_goes_through_an_adapter(folder: Path) -> None:
    """Several pictures, several modes and all wordings; the replies themselves mean nothing."""
    tasks = [task for task in BENCHMARKS if task != JUDGED]
    results = results_of(folder, adapter(batch_size=4), [*tasks, UNJUDGED])
    answered = {task: len(samples) for task, samples in results["samples"].items()}
    blink = [answered.pop(task) for task in list(answered) if task.startswith("blink_")]
    assert sorted(blink) == [2] * 5 + [3] * 5 + [4] * 4
    assert answered == {
        **dict.fromkeys(["pope", "mme", "mmstar", "cv_bench", "embspatial", "3dsrbench"], 8),
        **dict.fromkeys(["scienceqa_img", "crpe_relation", "textvqa_val", "mmmu_pro_standard"], 7),
        **dict.fromkeys(["seedbench", "realworldqa", "vstar_bench", "sat"], 7),
        **dict.fromkeys(["mmbench_en_dev_static", "mmbench_en_test"], 9),
        UNJUDGED: 8,
    }


def test_pictures_are_all_different_and_have_a_top_and_a_left() -> None:
    seen = {picture(position).tobytes() for position in range(60)}
    assert len(seen) == 60
    for position in range(60):
        image = picture(position)
        for turn in Pillow.Transpose:
            assert image.transpose(turn).tobytes() != image.tobytes()


def test_one_benchmark_runs_in_an_empty_folder(tmp_path: Path) -> None:
    before = Path.cwd()
    results = run(Puppet(replies("pope")), "pope", tmp_path)
    assert figures(results, "pope")["pope_accuracy"] == 6 / 8
    assert [s["doc"]["question_id"] for s in results["samples"]["pope"]] == [
        str(100 + number(s["doc"])) for s in results["samples"]["pope"]
    ]
    assert Path.cwd() == before
    assert (tmp_path / "cache").is_dir()


def test_pictures_have_many_modes(folder: Path) -> None:
    """The conversion to RGB is left to the tasks."""
    modes = set()
    for name in ("POPE", "MME"):
        path = str(folder / "lmms-lab-encoder" / name)
        docs = load_dataset(path, split="test", cache_dir=str(folder / "cache"))
        assert [number(doc) for doc in docs] == list(range(8))
        modes |= {doc["image"].mode for doc in docs}
    assert modes == {"RGB", "L", "P"}


def test_the_same_bytes_everywhere(tmp_path: Path) -> None:
    def digest(folder: Path) -> dict[str, str]:
        for task in ("blink", "seedbench"):
            write(task, folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {
            str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
        }

    first, second = digest(tmp_path / "a"), digest(tmp_path / "b")
    assert first == second
    assert len(first) == 14 * 2 + 1 + 2
