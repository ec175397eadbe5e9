"""The ready-made shifted tasks beside their base tasks, on small data sets of the same schema."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lmms_eval.tasks import TaskManager

from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.resources import folder

from .benchmarks_like import BENCHMARKS, replies, write
from .benchmarks_like.runs import BUILT_IN, isolated
from .harness_runs import Puppet, adapter, evaluate

YAMLS = folder("tasks") / "position_shift"
# Its own scorer asks a paid model; ours uses the benchmark's functions that do not.
JUDGED = "hallusion_bench_image"
# It draws a letter for a reply that it cannot read, in several threads.
RANDOM = "mmmu_pro_standard"


@pytest.fixture(scope="module")
def model() -> Iterator[HFBapa]:
    loaded = adapter(batch_size=16)
    loaded.keep_loaded = True
    yield loaded
    loaded.keep_loaded = False
    loaded.clean()


def base_name(task: str, folder: Path) -> str:
    """The base task; for the judged one, a copy with the scorer that the shifted one uses."""
    if task != JUDGED:
        return task
    text = (YAMLS / f"{task}_shift.yaml").read_text()
    metrics = text[text.index("metric_list:") :]
    built_in = BUILT_IN / BENCHMARKS[task].folder / f"{task}.yaml"
    (folder / "base.yaml").write_text(f"include: {built_in}\ntask: unjudged\n{metrics}")
    return "unjudged"


def both(model: Any, task: str, folder: Path, **kwargs: Any) -> tuple[dict[str, Any], ...]:
    """Results of the base task and of the shifted one, on the same data."""
    write(task, folder)
    base = base_name(task, folder)
    paths = [str(BUILT_IN / BENCHMARKS[task].folder), str(folder)]
    with isolated(folder):
        manager = TaskManager(include_path=paths, include_defaults=False)
        return tuple(
            evaluate(model, [name], manager=manager, log_samples=True, **kwargs)
            for name in (base, f"{task}_shift")
        )


def figures(results: dict[str, Any], task: str) -> dict[str, Any]:
    """What a task reports; the harness gives an empty list to what it did not aggregate."""
    return {k: v for k, v in results["results"][task].items() if not isinstance(v, list)}


def leaves(results: dict[str, Any]) -> list[str]:
    return [task for task in results["configs"] if task in results["samples"]]


def equal(one: Any, other: Any) -> bool:
    both_nan = all(isinstance(v, float) and math.isnan(v) for v in (one, other))
    return both_nan or one == other


@pytest.mark.parametrize("task", BENCHMARKS)
def test_each_place_is_scored_as_the_base_task_scores(task: str, tmp_path: Path) -> None:
    base, shifted = both(Puppet(replies(task)), task, tmp_path)
    for name, shifted_name in zip(leaves(base), leaves(shifted), strict=True):
        expected, got = figures(base, name), figures(shifted, shifted_name)
        compared = 0
        for key, value in expected.items():
            metric, _, filter_name = key.partition(",")
            kind = next((k for k in ("_stderr_clt", "_stderr") if metric.endswith(k)), "")
            stem = metric.removesuffix(kind)
            if key == "alias" or "clustered" in metric:
                continue
            assert equal(got[f"{stem}_original{kind},{filter_name}"], value), key
            if kind:
                continue
            compared += 1
            # The puppet answers alike everywhere, so each place has the base task's figure.
            places = got[f"{stem}_placements,{filter_name}"]
            assert list(places) == [f"r{r}c{c}" for r in (1, 2, 3) for c in (1, 2, 3)]
            if value is None:
                assert all(Path(tmp_path, files).is_dir() for files in places.values())
                continue
            assert set(places.values()) == {value}
            assert got[f"{stem}_mean,{filter_name}"] == pytest.approx(value)
            assert got[f"{stem}_worst,{filter_name}"] == value
            assert got[f"{stem}_range,{filter_name}"] == 0
            assert got[f"{stem}_std,{filter_name}"] == pytest.approx(0)
        assert compared


@pytest.mark.parametrize("task", BENCHMARKS)
def test_the_unshifted_placement_is_the_base_task(task: str, tmp_path: Path, model: HFBapa) -> None:
    base, shifted = both(model, task, tmp_path, limit=20 if task == "blink" else None)
    for name, shifted_name in zip(leaves(base), leaves(shifted), strict=True):
        said = [s["filtered_resps"] for s in base["samples"][name]]
        originals = [
            s["filtered_resps"]
            for s in shifted["samples"][shifted_name]
            if s["unparsed"]["placement"] == "original"
        ]
        assert originals == said[: len(originals)]
        assert originals
        if task in (RANDOM, "blink"):  # the limit leaves other documents
            continue
        for key, value in figures(base, name).items():
            metric, _, filter_name = key.partition(",")
            if key != "alias" and "stderr" not in metric:
                assert equal(
                    figures(shifted, shifted_name)[f"{metric}_original,{filter_name}"], value
                )


def test_submission_files_of_all_places_are_kept(tmp_path: Path) -> None:
    both(Puppet(replies("mmbench_en_test")), "mmbench_en_test", tmp_path)
    name = "submissions/mmbench_en_test_results.xlsx"
    places = sorted(p.parts[-3] for p in (tmp_path / "mmbench_en_test_shift").rglob("*.xlsx"))
    assert places == [f"r{r}c{c}" for r in (1, 2, 3) for c in (1, 2, 3)]
    assert (tmp_path / "mmbench_en_test_shift" / "r1c1" / name).is_file()
    assert (tmp_path / name).is_file()  # the original's stands where the base task puts it


def test_files_and_names_agree() -> None:
    for path in YAMLS.rglob("*.yaml"):
        text = path.read_text()
        config = yaml.safe_load(text.replace("!function", ""))
        assert config.get("task" if "group" not in config else "group") == path.stem


@pytest.mark.parametrize("suffix", ["", "_lite"])
def test_the_group_has_every_ready_made_task(suffix: str) -> None:
    root = YAMLS / "lite" if suffix else YAMLS
    group = yaml.safe_load((root / f"position_shift{suffix}.yaml").read_text())
    assert set(group["task"]) == {f"{task}_shift{suffix}" for task in BENCHMARKS}
    blink = yaml.safe_load((YAMLS / "blink" / f"blink_shift{suffix}.yaml").read_text())
    assert len(blink["task"]) == 14
    for name in [*group["task"], *blink["task"]]:
        assert list(YAMLS.rglob(f"{name}.yaml")), name


@pytest.mark.parametrize("rank", [0, 1])
def test_a_filter_sees_the_documents_of_its_own_process(rank: int, tmp_path: Path) -> None:
    """CRPE's filter turns the text of an option into its letter, by the document's options."""
    write("crpe_relation", tmp_path)
    with isolated(tmp_path):
        known = TaskManager(
            include_path=[str(BUILT_IN / BENCHMARKS["crpe_relation"].folder)],
            include_defaults=False,
        )
        task = known.load_task_or_group(["crpe_relation_shift"], "chat")["crpe_relation_shift"]
        task.build_all_requests(rank=rank, world_size=2)
        assert [request.doc_id for request in task.instances] == list(range(rank, 70, 2))
        for request in task.instances:
            text = task.task_docs[request.doc_id]["text"]
            request.resps.append(re.findall(r"C\. (\w+)", text)[0])
        task.apply_filters()
    assert {r.filtered_resps["flexible-extract"] for r in task.instances} == {"C"}
