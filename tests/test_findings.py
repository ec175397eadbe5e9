"""Figures of whole runs against the probes' own metrics and hand-made numbers."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lmms_eval.api.metrics import clustered_stderr
from scipy import stats

from lmms_bapa.errors import UsageError
from lmms_bapa.metrics import placements, probe, relations
from lmms_bapa.results.findings import compare, describe
from lmms_bapa.statistics.sentences import sentence

from .result_folders import (
    noisy,
    plain_samples,
    probe_samples,
    relation_samples,
    run_of,
    shift_samples,
    start_blind,
    write_run,
)

Doc = Mapping[str, Any]


def test_a_probes_figures_are_its_metrics(tmp_path: Path) -> None:
    samples = probe_samples(noisy(start_blind), groups=30)
    records = [s["accuracy"] for s in samples]
    got = describe(run_of(tmp_path, samples), "t")
    assert (got.metric, got.questions, got.groups) == ("accuracy", 540, 30)
    assert got.score.value == pytest.approx(probe.accuracy(records))
    scores, groups = [r["correct"] for r in records], [r["group"] for r in records]
    reach = stats.t.ppf(0.975, 29) * clustered_stderr(scores, groups)
    assert got.score.high - got.score.value == pytest.approx(reach)
    for name in ("balanced_accuracy", "yes_rate", "consistency", "unparsed"):
        assert got.extra[name].value == pytest.approx(getattr(probe, name)(records)), name
    assert got.places is not None
    assert got.places.rows == 3
    assert got.places.names[5] == "row 2, column 3"
    cells = np.ravel(probe.cell_accuracy(records))
    assert [s.value for s in got.places.score] == pytest.approx(cells.tolist())
    assert got.places.std.value == pytest.approx(probe.cell_std(records))
    assert got.places.range.value == pytest.approx(probe.cell_range(records))
    assert got.places.worst.value == pytest.approx(probe.cell_worst(records))
    assert got.places.matters_p == 1 / 5000
    assert got.places.chance_std.high < got.places.std.low < got.places.std.high
    assert list(got.places.auroc) == []
    assert math.isnan(got.places.auroc_std.value)
    assert "auroc" not in got.extra


def test_margins_give_the_auroc_of_each_cell_against_all_absent_questions(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    margins: list[float] = []

    def margin(doc: Doc) -> float:
        shift = (2.0 if doc["cell"] > 2 else 0.3) if doc["asked"] == "key" else 0.0
        margins.append(float(dice.normal() + shift))
        return margins[-1]

    samples = probe_samples(lambda doc: "Yes", margin, groups=20)
    got = describe(run_of(tmp_path, samples), "t")
    m = np.array(margins)
    key = np.array([s["asked"] == "key" for s in samples])
    cell = np.array([s["cell"] for s in samples])

    def area(above: np.ndarray) -> float:
        u = stats.mannwhitneyu(above, m[~key]).statistic
        return float(u) / (len(above) * int((~key).sum()))

    cells = [area(m[key & (cell == n)]) for n in range(9)]
    assert got.places is not None
    assert list(got.places.auroc) == pytest.approx(cells, abs=1e-6)
    assert got.places.auroc_std.value == pytest.approx(np.std(cells), abs=1e-6)
    assert got.places.auroc_std.low > 0.05
    assert got.extra["auroc"].value == pytest.approx(area(m[key]), abs=1e-6)
    # The accuracies say nothing here: Yes to everything.
    assert got.places.std.value == 0
    assert math.isnan(got.places.std.low)
    assert got.extra["yes_rate"].value == 1


def test_margins_that_are_partly_missing_are_left_out(tmp_path: Path) -> None:
    samples = probe_samples(lambda doc: "Yes", lambda doc: float(doc["asked"] == "key"), groups=2)
    for sample in samples[:5]:
        sample["margin"] = None
    got = describe(run_of(tmp_path, samples), "t")
    assert got.extra["auroc"].value == 1


def test_a_displaced_canvas_has_displacements_for_places(tmp_path: Path) -> None:
    samples = probe_samples(
        noisy(lambda doc: 0.5 if doc["shift"] == 7 else 0.9), groups=18, layout="pixel"
    )
    records = [s["accuracy"] for s in samples]
    got = describe(run_of(tmp_path, samples), "t").places
    assert got is not None
    assert (got.rows, got.names[4]) == (None, "7 px")
    assert [s.value for s in got.score] == pytest.approx(probe.shift_accuracy(records))
    assert got.std.value == pytest.approx(probe.shift_std(records))
    assert got.matters_p < 0.01


def test_irregular_places_count_by_cell(tmp_path: Path) -> None:
    samples = probe_samples(noisy(start_blind), groups=10, layout="free")
    got = describe(run_of(tmp_path, samples), "t").places
    assert got is not None
    assert got.rows == 3
    assert got.std.value == pytest.approx(probe.cell_std([s["accuracy"] for s in samples]))


def test_relations_have_groups_and_no_places(tmp_path: Path) -> None:
    samples = relation_samples(noisy(lambda doc: 0.8), groups=10)
    records = [s["accuracy"] for s in samples]
    got = describe(run_of(tmp_path, samples), "t")
    assert got.places is None
    assert got.groups == 10
    balanced = relations.balanced_accuracy(records)
    assert got.extra["balanced_accuracy"].value == pytest.approx(balanced)


def shifted(seed: int, share: float = 0.6) -> dict[int, dict[str, float | None]]:
    dice = random.Random(seed)
    names = ("original", "r1c1", "r1c2", "r2c1")
    return {n: {p: float(dice.random() < share) for p in names} for n in range(25)}


def test_a_shifted_tasks_places_are_those_of_the_picture(tmp_path: Path) -> None:
    verdicts = shifted(0)
    samples = shift_samples(verdicts)
    got = describe(run_of(tmp_path, samples), "t")
    places = ("r1c1", "r1c2", "r2c1")
    means = [np.mean([v[p] for v in verdicts.values()]) for p in places]
    assert got.places is not None
    assert list(got.places.names) == list(places)
    assert [s.value for s in got.places.score] == pytest.approx(means)
    assert got.score.value == pytest.approx(np.mean(means))
    assert (got.questions, got.groups) == (75, 25)
    found = placements.verdicts_by_document([s["flip_rate"] for s in samples], places)
    assert got.extra["flip_rate"].value == pytest.approx(placements.flip_rate(found, "original"))
    everywhere = placements.right_everywhere(found)
    assert got.extra["right_everywhere"].value == pytest.approx(everywhere)
    original = np.mean([v["original"] for v in verdicts.values()])
    assert got.extra["original"].value == pytest.approx(original)


def test_a_shifted_task_without_verdicts_has_its_metric(tmp_path: Path) -> None:
    samples = shift_samples(shifted(0))
    for sample in samples:
        sample["flip_rate"] = {**sample["flip_rate"], "value": None}
    better = {"exact_match_original": True, "exact_match_placements": True}
    got = describe(run_of(tmp_path, samples, better=better), "t")
    assert got.metric == "exact_match"
    assert got.places is not None
    assert len(got.places.names) == 3
    for sample in samples:
        sample.pop("exact_match_original", None)
        sample.pop("exact_match_placements", None)
    with pytest.raises(UsageError, match="name one in the task's YAML as verdict"):
        describe(run_of(tmp_path, samples, better=better), "t")


@pytest.mark.parametrize(
    "score",
    [
        lambda right: right,
        bool,
        lambda right: {"score": right, "index": 3},
        lambda right: {"id": "x", "right": right},
        lambda right: {"pred": "A", "answer": "A" if right else "B"},
        # A number that only numbers the document is no score.
        lambda right: {"index": 241, "pred": "A", "answer": "A" if right else "B"},
        lambda right: {"question_id": 17, "right": right},
    ],
)
def test_any_task_with_a_score_per_document(tmp_path: Path, score: Any) -> None:
    rights = [1, 0, 1, 1, 0, 1, 1, 1]
    samples = plain_samples([score(r) for r in rights], topic=None)
    got = describe(run_of(tmp_path, samples), "t")
    assert (got.metric, got.questions, got.groups, got.places) == ("accuracy", 8, 8, None)
    assert got.score.value == pytest.approx(0.75)


def test_the_first_metric_that_is_better_higher_counts_and_clusters_hold(tmp_path: Path) -> None:
    samples = plain_samples([0.2, 0.4, 0.9, 0.7], "f1", length=9.0)
    for i, sample in enumerate(samples):
        sample |= {"f1": {"score": sample["f1"], "video": i // 2}}
    got = describe(
        run_of(
            tmp_path,
            samples,
            config={"cluster_key": "video"},
            better={"length": False, "f1": True},
        ),
        "t",
    )
    assert (got.metric, got.groups) == ("f1", 2)
    error = clustered_stderr([0.2, 0.4, 0.9, 0.7], [0, 0, 1, 1])
    reach = stats.t.ppf(0.975, 1) * error
    assert got.score.high - got.score.value == pytest.approx(reach)


def test_samples_without_a_score_are_refused_with_what_there_is(tmp_path: Path) -> None:
    samples = plain_samples(["A", "B"], "submission", other={"a": 1, "b": 2})
    with pytest.raises(UsageError, match="samples have other, submission: compare another"):
        describe(run_of(tmp_path, samples, better={"submission": True, "other": True}), "t")


def test_lower_is_better_where_the_task_says_so(tmp_path: Path) -> None:
    better = {"errors": False}
    samples = plain_samples([{"score": s, "video": i // 2} for i, s in enumerate([3, 1, 2, 0])],
                            "errors")  # fmt: skip
    got = describe(
        run_of(tmp_path / "a", samples, config={"cluster_key": "video"}, better=better), "t"
    )
    assert (got.metric, got.groups) == ("errors (lower is better)", 2)
    first, second = (
        run_of(
            tmp_path / name,
            plain_samples([float(v + i % 3) for i in range(30)], "errors"),
            better=better,
        )
        for name, v in (("b", 4), ("c", 2))
    )
    fewer, more = compare(first, second)[0], compare(second, first)[0]
    assert fewer.difference.value == -2
    assert fewer.is_gain
    assert sentence(fewer).startswith("better by 2")
    assert not more.is_gain
    assert sentence(more).startswith("worse by")


def test_the_worst_place_is_the_highest_one_where_lower_is_better(tmp_path: Path) -> None:
    samples = shift_samples(shifted(0))
    for sample in samples:
        sample["flip_rate"] = {**sample["flip_rate"], "value": None}
    better = {"exact_match_original": False, "exact_match_placements": False}
    got = describe(run_of(tmp_path, samples, better=better), "t")
    assert got.metric == "exact_match (lower is better)"
    assert got.places is not None
    assert got.places.worst.value == max(s.value for s in got.places.score)


def test_what_is_no_finite_number_is_no_score(tmp_path: Path) -> None:
    samples = plain_samples([0.5, math.nan, math.inf, 0.7])
    got = describe(run_of(tmp_path, samples), "t")
    assert (got.questions, got.score.value) == (2, pytest.approx(0.6))


def test_a_log_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    run = run_of(tmp_path, plain_samples([1, 0, 1, 0]))
    assert describe(run, "t").score.value == 0.5
    write_run(tmp_path, {"t": plain_samples([1, 1, 1, 0])})
    os.utime(run.log("t"), (1, 1))
    assert describe(run, "t").score.value == 0.75


def test_a_number_of_the_document_is_no_score(tmp_path: Path) -> None:
    samples = plain_samples([{"index": i, "pred": "A"} for i in range(4)])
    with pytest.raises(UsageError, match="no score per document"):
        describe(run_of(tmp_path, samples), "t")


def test_a_record_that_says_right_is_better_higher(tmp_path: Path) -> None:
    samples = plain_samples([{"pred": "A", "answer": a} for a in "AAB"], "errors")
    got = describe(run_of(tmp_path, samples, better={"errors": False}), "t")
    assert (got.metric, got.score.value) == ("errors", pytest.approx(2 / 3))
