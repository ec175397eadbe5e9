"""Small local data sets that built-in tasks of the harness run on, unchanged.

``datasets.load_dataset`` takes a folder that has the name of a hub id before it asks the hub.
``write(task, folder)`` makes that folder; :mod:`.runs` runs the task there. Nothing here is taken
from a benchmark: only names and types of columns are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .not_for_shifting import GSM8K, REFCOCO, VIDEOMME
from .one_picture import CRPE, MMBENCH, MMSTAR, REALWORLDQA, SCIENCEQA, TEXTVQA
from .several_pictures import BLINK, MMMU_PRO, SEEDBENCH
from .spatial import CV_BENCH, EMBSPATIAL, SAT, THREE_D, VSTAR
from .spec import Benchmark, Doc, number
from .yes_no import HALLUSION, MME, POPE

__all__ = ["ALL", "BENCHMARKS", "UNSHIFTABLE", "Benchmark", "Doc", "number", "replies", "write"]

# Task or group -> its data.
BENCHMARKS: Mapping[str, Benchmark] = {
    "pope": POPE,
    "mme": MME,
    "scienceqa_img": SCIENCEQA,
    "mmbench_en_dev_static": MMBENCH,
    "mmbench_en_test": MMBENCH,
    "crpe_relation": CRPE,
    "textvqa_val": TEXTVQA,
    "hallusion_bench_image": HALLUSION,
    "mmmu_pro_standard": MMMU_PRO,
    "mmstar": MMSTAR,
    "seedbench": SEEDBENCH,
    "realworldqa": REALWORLDQA,
    "cv_bench": CV_BENCH,
    "vstar_bench": VSTAR,
    "blink": BLINK,
    "embspatial": EMBSPATIAL,
    "sat": SAT,
    "3dsrbench": THREE_D,
}
# Tasks whose pictures cannot be moved, for tests of refusals.
UNSHIFTABLE: Mapping[str, Benchmark] = {
    "refcoco_bbox_rec_val": REFCOCO,
    "gsm8k_cot_zeroshot": GSM8K,
    "videomme": VIDEOMME,
}
ALL = {**BENCHMARKS, **UNSHIFTABLE}


def write(task: str, folder: Path) -> None:
    """Writes the data set of a task below ``folder``."""
    ALL[task].build(folder)


def every_third(position: int) -> bool:
    """The usual mix: documents 2, 5, 8... are answered wrongly."""
    return position % 3 == 2


def replies(task: str, wrong: Callable[[int], bool] = every_third) -> Callable[[Doc], str]:
    """A rule for a puppet: right replies, except to the documents whose number ``wrong`` names."""
    benchmark = ALL[task]

    def reply(doc: Doc) -> str:
        return (benchmark.wrong if wrong(number(doc)) else benchmark.right)(doc)

    return reply
