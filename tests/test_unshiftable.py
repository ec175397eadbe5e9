"""Which tasks may be shown with their pictures moved: real names and configurations, both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lmms_eval.tasks
import pytest
from lmms_eval.utils import load_yaml_config

from lmms_bapa.harness.unshiftable import reason_not_to_shift

BUILT_IN = Path(lmms_eval.tasks.__file__).parent


def config(path: str) -> dict[str, Any]:
    """A task of the harness, without its functions."""
    loaded: dict[str, Any] = load_yaml_config(str(BUILT_IN / path), mode="simple")
    return loaded


# Tasks whose YAML alone is enough, and a word of the reason.
REFUSED = {
    "refcoco/refcoco_bbox_rec_val.yaml": "boxes",
    "refcoco+/refcoco+_bbox_rec_testA.yaml": "boxes",
    "refcocog/refcocog_bbox_rec_test.yaml": "boxes",
    "refcoco_grounding/refcoco_plus_grounding_testB.yaml": "boxes",
    "refcoco_grounding/refcocog_grounding_test.yaml": "boxes",
    "groundingme/groundingme.yaml": "boxes",
    "odinw13/odinw13.yaml": "boxes",
    "multihopspatial/multihopspatial.yaml": "boxes",
    "sunrgbd/sunrgbd.yaml": "camera",
    "screenspot/screenspot_rec_test.yaml": "click",
    "screenspot/screenspot_reg_test.yaml": "questions",
    "screenspot_pro/screenspot_pro.yaml": "click",
    "screenspot_v2/screenspot_v2.yaml": "click",
    "osworld_g/osworld_g.yaml": "click",
    "visualwebbench/visualwebbench_element_ocr.yaml": "questions",
    "visualwebbench/visualwebbench_action_prediction.yaml": "questions",
    "pointbench/pointbench_json.yaml": "points",
    "refspatial/refspatial_placement.yaml": "points",
    "where2place/where2place.yaml": "points",
    "crosspoint_bench/crosspoint_bench.yaml": "some",
    "robo_spatial/robo_spatial_all.yaml": "some",
    "robo_spatial/robo_spatial_context.yaml": "points",
    "spatialtreebench/spatialtreebench.yaml": "some",
    "saco/saco_gold_food.yaml": "masks",
    "rvos/rvos_reasonvos.yaml": "masks",
    "sparbench/sparbench_tiny.yaml": "some",
    "ocrbench_v2/ocrbench_v2.yaml": "some",
    "megabench/megabench_core_si.yaml": "some",
    "mmt/mmt_val.yaml": "some",
}
ALLOWED = [
    # The ready-made ones.
    "mmbench/mmbench_en_dev_static.yaml",
    "mmbench/mmbench_en_test.yaml",
    "pope/pope.yaml",
    "mme/mme.yaml",
    "scienceqa/scienceqa_img.yaml",
    "textvqa/textvqa_val.yaml",
    "hallusion_bench/hallusion_bench_image.yaml",
    "crpe_relation/crpe_relation.yaml",
    "mmmu_pro/mmmu_pro_standard.yaml",
    "mmstar/mmstar.yaml",
    "seedbench/seedbench.yaml",
    "realworldqa/realworldqa.yaml",
    "cv_bench/cv_bench.yaml",
    "vstar_bench/vstar_bench.yaml",
    *(f"blink/{path.name}" for path in sorted((BUILT_IN / "blink").glob("blink_*.yaml"))),
    "embspatial/embspatial.yaml",
    "sat/sat.yaml",
    "3dsrbench/3dsrbench.yaml",
    # A box or an outline is drawn on the picture, and the answer is words or a letter.
    "refcoco/refcoco_bbox_val.yaml",
    "refcoco+/refcoco+_bbox_testA.yaml",
    "refcocog/refcocog_bbox_val.yaml",
    "refcoco/refcoco_seg_val.yaml",
    "salbench/o3_box.yaml",
    "visualwebbench/visualwebbench_element_ground.yaml",
    "ai2d/ai2d_no_mask.yaml",
    # Names and metrics with words that sound alike.
    "illusionvqa/illusionvqa_soft_localization.yaml",
    "moviechat/moviechat_breakpoint.yaml",
    "seedbench_2_plus/seedbench_2_plus.yaml",  # a metric is named after maps
    "vsibench/vsibench.yaml",  # distances in the room
    "robo_spatial/robo_spatial_compatibility.yaml",  # Yes or No
    "viewspatial/viewspatial.yaml",
    "ocrbench/ocrbench.yaml",
]


@pytest.mark.parametrize("path", REFUSED)
def test_coordinates_must_stay(path: str) -> None:
    loaded = config(path)
    reason = reason_not_to_shift(loaded["task"], loaded)
    assert reason is not None
    assert REFUSED[path] in reason
    assert "\n" not in reason
    assert not reason.endswith(".")


@pytest.mark.parametrize("path", ALLOWED)
def test_everything_else_may_move(path: str) -> None:
    loaded = config(path)
    assert reason_not_to_shift(loaded["task"], loaded) is None


def test_names_alone_refuse_no_other_task_of_the_harness() -> None:
    """A pattern that is too broad would catch one of some 1,700 names."""
    places: dict[str, str] = {}
    for path in BUILT_IN.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        found = re.search(r"^[\"']?task[\"']?: *[\"']?([^\s\"']+)", text, flags=re.MULTILINE)
        if found:
            places[found.group(1)] = path.relative_to(BUILT_IN).parts[0]
    assert len(places) > 1600
    refused = {name: place for name, place in places.items() if reason_not_to_shift(name, {})}
    known = {path.split("/")[0] for path in REFUSED} | {"internal_eval", "cgav_counting"}
    assert set(refused.values()) == known
    assert len(refused) >= 60


NEUTRAL: dict[str, Any] = {"doc_to_target": "answer", "metric_list": [{"metric": "exact_match"}]}


@pytest.mark.parametrize(
    "metric",
    [
        "new_IoU",
        "avg_iou",
        "acc50iou",
        "mIoU",
        "new_ACC@0.5",
        "new_Center_ACC",
        "new_mAP50",
        "bbox_acc",
        "click_bbox_acc",
        "mask_f1",
        "correspondence_pointing",
        "point_acc",
    ],
)
def test_a_metric_on_places_gives_an_unknown_task_away(metric: str) -> None:
    metrics = [{"metric": "exact_match"}, None, {"metric": metric}]
    reason = reason_not_to_shift("mine", {**NEUTRAL, "metric_list": metrics})
    assert reason is not None
    assert metric in reason


@pytest.mark.parametrize(
    "metric",
    [
        "viewpoint_accuracy",
        "checkpoint_score",
        "powerpoint_f1",
        "breakpoint_acc",
        "various",
        "serious_errors",
        "map_score",
        "seedbench_2_plus_Map",
        "unmasked_acc",
        "key_point_recall",
        "cov@64",
        "acc@5",
        "total_points",
        "boxed_answer",
        "precision@1",
    ],
)
def test_a_metric_that_sounds_alike_does_not(metric: str) -> None:
    assert reason_not_to_shift("mine", {**NEUTRAL, "metric_list": [{"metric": metric}]}) is None


def mine_doc_to_bbox() -> None:
    """A target by function."""


def mine_doc_to_viewpoint() -> None:
    """Another one, of something else."""


@pytest.mark.parametrize(
    "target",
    [
        "bbox",
        "bboxes",
        "boxes",
        "point",
        "points",
        "gt_points",
        "mask",
        "segmentation",
        "coordinates",
        "{{bbox}}",
        "{{answer}} at {{coords}}",
        "polygon",
        mine_doc_to_bbox,
    ],
)
def test_a_target_of_places_gives_an_unknown_task_away(target: Any) -> None:
    reason = reason_not_to_shift("mine", {**NEUTRAL, "doc_to_target": target})
    assert reason is not None
    assert "places" in reason


@pytest.mark.parametrize(
    "target",
    [
        "answer",
        "{{answer}}",
        "viewpoint",
        "key_points",
        "checkpoint",
        "boxed_answer",
        "",
        None,
        "masked_word",
        "appointment",
        mine_doc_to_viewpoint,
        3,
        ["a", "b"],
    ],
)
def test_a_target_that_sounds_alike_does_not(target: Any) -> None:
    assert reason_not_to_shift("mine", {**NEUTRAL, "doc_to_target": target}) is None


def test_an_empty_configuration_is_fine() -> None:
    assert reason_not_to_shift("mine", {}) is None
    assert reason_not_to_shift("mine", {"metric_list": None}) is None
