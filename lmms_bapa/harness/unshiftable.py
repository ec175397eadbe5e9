"""Which tasks of the harness must not be shown with their pictures moved.

Where a question or its answer holds coordinates of the picture, moving it makes them wrong.
Boxes that are drawn on the picture move with it and do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# Whole names of tasks -> why. Where only some questions have coordinates the whole task is
# refused: which ones these are is told by the data, not by the name.
NAMES = {
    r"refcoco(\+|g)?_bbox_rec.*|refcoco(_plus|g)?_grounding.*": "its answers are boxes",
    r"groundingme|odinw13|multihopspatial|cgav_counting_clue": "its answers are boxes",
    r"sunrgbd": "its answers are boxes in the space of the camera",
    r"screenspot_(rec.*|pro|v2)|osworld_g": "its answers are places to click on",
    r"screenspot(_reg.*)?": "its questions hold a box's coordinates",
    r"visualwebbench_(element_ocr|action_prediction)": "its questions hold a box's coordinates",
    r"(pointbench|refspatial|where2place).*|robo_spatial_context": "its answers are points",
    r"(saco|rvos)_.*": "its answers are masks",
    r"crosspoint_bench|robo_spatial(_all)?|spatialtreebench": "some of its answers are points",
    r"sparbench.*": "some of its questions hold the coordinates of boxes",
    r"ocrbench_v2.*|megabench.*|mmt_.*|d170_.*": "some of its answers are boxes or points",
}

# Parts of a metric's name that tell that places are scored. Case tells mAP from a map.
METRICS = re.compile(
    r"(?i:iou(?![a-z])|acc@0?\.\d|center_acc|(?<![a-z])(bbox|mask|pointing|point_(acc|in))(?![a-z]))"
    r"|(?<![A-Za-z])mAP(?![a-z])"
)
# A column, a field of a template or a part of a function's name that gives the target.
TARGETS = re.compile(
    r"(?<![a-z])(bbox(es)?|boxes|(?<!key_)points?|coord(inate)?s?|masks?|polygons?|segmentation)"
    r"(?![a-z])",
    flags=re.IGNORECASE,
)


def _metrics(config: Mapping[str, Any]) -> Iterator[str]:
    for entry in config.get("metric_list") or ():
        metric = (entry or {}).get("metric")  # the harness has empty entries, too
        yield metric if isinstance(metric, str) else getattr(metric, "__name__", "")


def _target(config: Mapping[str, Any]) -> str:
    target = config.get("doc_to_target")
    return target if isinstance(target, str) else getattr(target, "__name__", "")


def reason_not_to_shift(name: str, config: Mapping[str, Any]) -> str | None:
    """Why the pictures of a task must stay where they are.

    Args:
        name: of the task.
        config: its configuration, as in its YAML; a function may be the function or be missing.

    Returns:
        Half a sentence, without a full stop, or None where nothing speaks against moving them.
    """
    for pattern, reason in NAMES.items():
        if re.fullmatch(pattern, name):
            return f"{reason}, which do not move with the picture"
    for metric in _metrics(config):
        if METRICS.search(metric):
            return f"its metric {metric} scores places or overlaps, not what the picture shows"
    target = _target(config)
    if TARGETS.search(target):
        return f"its targets ({target}) are places, which do not move with the picture"
    return None
