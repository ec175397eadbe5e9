"""Comparisons of whole runs against hand-made numbers, scipy and the probes' own metrics."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lmms_bapa.errors import UsageError
from lmms_bapa.metrics import probe
from lmms_bapa.results.findings import compare, compare_all, describe
from lmms_bapa.results.folders import read_run, read_runs
from lmms_bapa.statistics.figures import Comparison, Interval
from lmms_bapa.statistics.paired import holm, mcnemar
from lmms_bapa.statistics.sentences import is_threshold_shift, sentence

from .result_folders import (
    noisy,
    plain_samples,
    probe_samples,
    run_of,
    shift_samples,
    start_blind,
    write_run,
)

Doc = Mapping[str, Any]


def pair(tmp_path: Path, before: Any, after: Any, **more: Any) -> Comparison:
    first = run_of(tmp_path / "a", before, **more)
    second = run_of(tmp_path / "b", after, model_args="pretrained=micro-llava,bapa=true", **more)
    return compare(first, second)[0]


def test_the_same_answers_differ_in_nothing(tmp_path: Path) -> None:
    samples = probe_samples(noisy(start_blind), groups=6)
    got = pair(tmp_path, samples, samples)
    assert (got.wins, got.losses, got.p, got.p_groups, got.std_p) == (0, 0, 1, 1, 1)
    assert got.difference.value == 0
    assert got.std_difference is not None
    assert got.std_difference.value == 0
    assert sentence(got) == (
        "no difference shown at n = 108 in 6 groups; spread: no difference shown"
    )


def test_a_cured_bias(tmp_path: Path) -> None:
    before = probe_samples(noisy(start_blind, 1), groups=40)
    after = probe_samples(noisy(lambda doc: 0.9, 2), groups=40)
    got = pair(tmp_path, before, after)
    a, b = ([s["accuracy"] for s in samples] for samples in (before, after))
    wins = sum(y["correct"] > x["correct"] for x, y in zip(a, b, strict=True))
    losses = sum(y["correct"] < x["correct"] for x, y in zip(a, b, strict=True))
    assert (got.first, got.second, got.questions) == ("off", "bapa=true", 720)
    assert (got.wins, got.losses, got.p) == (wins, losses, mcnemar(wins, losses))
    assert got.difference.value == pytest.approx((wins - losses) / 720)
    assert got.std_difference is not None
    assert got.std_difference.value == pytest.approx(probe.cell_std(b) - probe.cell_std(a))
    assert got.std_difference.high < 0 < got.difference.low
    assert got.std_p <= 0.001
    yes = probe.yes_rate(b) - probe.yes_rate(a)
    assert got.extra["yes_rate"].value == pytest.approx(yes)
    assert got.is_shown
    assert got.is_spread_shown
    assert sentence(got).startswith("better by")
    assert "spread smaller by" in sentence(got)
    assert "AUROC" not in sentence(got)
    for ends, told in (((-0.2, 0.1), True), ((-0.2, -0.1), False)):
        doubted = replace(got, extra={"auroc_std": Interval(-0.1, *ends)})
        assert ("that of the AUROC not shown to be" in sentence(doubted)) is told


def test_groups_that_flip_together_are_not_many_questions(tmp_path: Path) -> None:
    """Three groups change as a whole: 54 wins, yet three groups could be chance."""
    before = probe_samples(lambda d: "No" if d["asked"] == "key" else "Yes", groups=3)
    after = probe_samples(lambda d: str(d["answer"]), groups=3)
    got = pair(tmp_path, before, after)
    assert got.wins == 54
    assert got.p < 1e-10
    assert got.p_groups == 0.25
    assert not got.is_shown
    assert "no difference shown over 3 groups, though question by question" in sentence(got)


def test_few_discordant_answers_give_an_honest_p(tmp_path: Path) -> None:
    got = pair(tmp_path, plain_samples([0] * 5 + [1] * 20), plain_samples([1] * 25))
    assert (got.wins, got.losses, got.p) == (5, 0, 0.0625)
    assert got.p_groups == got.p
    assert sentence(got) == "no difference shown at n = 25"


def test_scores_that_are_not_zero_or_one_are_permuted(tmp_path: Path) -> None:
    a, b = np.random.default_rng(0).random((2, 8)).round(3)
    got = pair(tmp_path, plain_samples(a.tolist()), plain_samples(b.tolist()))
    expected = stats.permutation_test(
        (b - a,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert (got.wins, got.losses, got.test) == (None, None, "paired permutation of groups")
    assert got.p == pytest.approx(expected)


def test_documents_without_a_score_in_both_do_not_count(tmp_path: Path) -> None:
    got = pair(tmp_path, plain_samples([None, 1, 0, 1]), plain_samples([1, None, 1, 1]))
    assert (got.questions, got.wins, got.losses) == (2, 1, 0)
    nothing = pair(tmp_path, plain_samples([None, 1]), plain_samples([1, None]))
    assert nothing.questions == 0
    assert math.isnan(nothing.p)
    assert sentence(nothing) == "no score in both runs"


def test_a_bias_that_comes_is_a_larger_spread(tmp_path: Path) -> None:
    before = probe_samples(noisy(lambda doc: 0.9, 2), groups=40)
    after = probe_samples(noisy(start_blind, 1), groups=40)
    found = pair(tmp_path, before, after)
    assert "spread larger by " in sentence(found)
    assert found.std_change is not None
    assert found.std_change > 0.2  # 0.2 in three cells and 0.9 in six: 0.33, less without noise


def test_more_yes_is_not_sold_as_a_cure(tmp_path: Path) -> None:
    """Both say Yes above a threshold; the second has only moved it."""
    dice = np.random.default_rng(1)
    noise = dice.normal(size=40 * 18)
    numbers = iter(np.tile(noise, 4))

    def samples(threshold: float) -> list[dict[str, Any]]:
        margins = [next(numbers) for _ in noise]
        found = probe_samples(lambda doc: "No", groups=40)
        for sample, value in zip(found, margins, strict=True):
            m = value + (3.0 if sample["asked"] == "key" else 0.0)
            said = "yes" if m > threshold else "no"
            right = int(said == sample["answer"].lower())
            sample["accuracy"] |= {"said": said, "correct": right, "score": right}
            sample["margin"] = m - threshold
        return found

    got = pair(tmp_path, samples(3.5), samples(2.0))
    assert got.is_shown
    assert got.difference.value > 0
    assert got.extra["auroc"].value == 0
    assert is_threshold_shift(got)
    assert "no gain of AUROC is shown: it may be a shifted threshold" in sentence(got)
    told_apart = replace(got, extra={**got.extra, "auroc": Interval(0.1, 0.05, 0.2)})
    assert not is_threshold_shift(told_apart)
    as_often = replace(got, extra={**got.extra, "yes_rate": Interval(0.1, -0.05, 0.2)})
    assert not is_threshold_shift(as_often)


def test_the_order_of_a_log_does_not_matter(tmp_path: Path) -> None:
    before = probe_samples(noisy(start_blind, 1), groups=8)
    after = probe_samples(noisy(start_blind, 2), groups=8)
    straight = pair(tmp_path / "1", before, after)
    described = describe(read_run(tmp_path / "1" / "a"), "t")
    random.Random(0).shuffle(before)
    mixed = pair(tmp_path / "2", before, after)
    # Through text, as NaN is not equal to itself.
    assert repr(mixed) == repr(straight)
    assert repr(describe(read_run(tmp_path / "2" / "a"), "t")) == repr(described)


def test_all_settings_against_stock_are_one_family(tmp_path: Path) -> None:
    rows = {"off": 1, "bapa=true": 2, "agci_lambda=0.5": 3}
    for setting, seed in rows.items():
        extra = "" if setting == "off" else f",{setting}"
        tasks = {
            "t": probe_samples(noisy(start_blind, seed), groups=6),
            "u": plain_samples([float(random.Random(seed + i).random() < 0.5) for i in range(30)]),
        }
        write_run(tmp_path / setting, tasks, f"pretrained=m{extra}")
    got = compare_all(read_runs(tmp_path))
    assert [(c.task, c.second) for c in got] == [
        ("t", "agci_lambda=0.5"),
        ("t", "bapa=true"),
        ("u", "agci_lambda=0.5"),
        ("u", "bapa=true"),
    ]
    assert [c.p_holm for c in got] == pytest.approx(holm([c.p for c in got]))
    spreads = holm([c.std_p for c in got[:2]])
    assert [c.std_p_holm for c in got[:2]] == pytest.approx(spreads)
    assert math.isnan(got[2].std_p_holm)
    assert repr(compare_all(read_runs(tmp_path), tasks=["u"])[0].p) == repr(got[2].p)
    with pytest.raises(UsageError, match="no stock model"):
        compare_all([r for r in read_runs(tmp_path) if r.label != "off"])
    with pytest.raises(UsageError, match="no setting beside"):
        compare_all(read_runs(tmp_path)[:1])


def refused(first: Path, second: Path, **more: Any) -> str:
    with pytest.raises(UsageError) as error:
        compare(read_run(first), read_run(second), **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def change(file: Path, key: str, value: Any) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {key: value}))


def test_runs_that_were_asked_other_things_are_refused(tmp_path: Path) -> None:
    def probe_run(name: str, **spec: Any) -> Path:
        samples = probe_samples(lambda doc: "Yes", **spec)
        config = {"dataset_kwargs": spec, "metadata": {"generator": "1.0"}}
        return write_run(tmp_path / name, {"t": samples}, config=config)

    one = probe_run("one", groups=2)
    assert "36 documents against 54" in refused(one, probe_run("more", groups=3))
    said = refused(one, probe_run("seed", groups=2, seed=1))
    assert "different questions" in said
    assert "'seed': 1" in said
    other = probe_run("version", groups=2)
    change(other, "versions", {"t": 2.0})
    assert "different version (1.0 in" in refused(one, other)
    other = probe_run("generator", groups=2)
    config = {"t": {"metadata": {"generator": "0.9"}}}
    change(other, "configs", config)
    assert "different generator (1.0 in" in refused(one, other)
    scores = [plain_samples([1, 0], metric) for metric in ("f1", "bleu")]
    f1, bleu = (
        write_run(tmp_path / name, {"t": own}, better={name: True})
        for name, own in zip(("f1", "bleu"), scores, strict=True)
    )
    assert "scored by f1 and by bleu" in refused(f1, bleu)
    assert "has no task u" in refused(one, other, tasks=["u"])
    plain = write_run(tmp_path / "plain", {"u": plain_samples([1])})
    assert "no task in common" in refused(one, plain)
    for log in plain.parent.glob("*.jsonl"):
        log.unlink()
    assert "--log_samples" in refused(one, plain)


def test_the_same_setting_of_two_models_or_twice_is_told_apart(tmp_path: Path) -> None:
    first = run_of(tmp_path / "a", plain_samples([1, 0]))
    other = run_of(tmp_path / "b", plain_samples([1, 1]), model_args="pretrained=other,bapa=true")
    assert compare(first, other)[0].second == "other: bapa=true"
    again = run_of(tmp_path / "c", plain_samples([1, 1]))
    got = compare(first, again)[0]
    file = "micro-llava/20260102_030405_results.json"
    assert (got.first, got.second) == (f"a/{file}", f"c/{file}")
    with pytest.raises(UsageError, match="the same run twice"):
        compare(first, first)


def test_a_setting_may_have_its_tasks_in_several_runs(tmp_path: Path) -> None:
    for i, (setting, task) in enumerate(itertools.product(("", ",bapa=true"), ("t", "u"))):
        scores = [float((n + i) % 3 > 0) for n in range(9)]
        write_run(
            tmp_path,
            {task: plain_samples(scores)},
            f"pretrained=m{setting}",
            date=f"2026010{i}_000000",
        )
    got = compare_all(read_runs(tmp_path))
    assert [(c.task, c.first, c.second) for c in got] == [
        ("t", "off", "bapa=true"),
        ("u", "off", "bapa=true"),
    ]
    assert len(compare_all(read_runs(tmp_path), tasks=["t", "t"])) == 1


def test_a_task_that_somebody_else_scores_is_left_out_unless_it_is_named(tmp_path: Path) -> None:
    tasks = {"mailed": plain_samples(["A", "B"], "submission"), "t": plain_samples([1.0, 0.0])}
    for setting in ("off", "bapa=true"):
        extra = "" if setting == "off" else f",{setting}"
        write_run(tmp_path / setting, tasks, f"pretrained=m{extra}")
    runs = read_runs(tmp_path)
    assert [c.task for c in compare_all(runs)] == ["t"]
    assert [c.task for c in compare(*runs)] == ["t"]
    with pytest.raises(UsageError, match="no score per document"):
        compare_all(runs, tasks=["mailed"])
    for setting in ("off", "bapa=true"):
        extra = "" if setting == "off" else f",{setting}"
        alone = {"mailed": tasks["mailed"]}
        write_run(tmp_path / "alone" / setting, alone, f"pretrained=m{extra}")
    with pytest.raises(UsageError, match="no score per document"):
        compare_all(read_runs(tmp_path / "alone"))


def test_the_originals_of_a_shifted_task_are_compared_apart(tmp_path: Path) -> None:
    def samples(originals: list[float]) -> list[dict[str, Any]]:
        return shift_samples(
            {i: {"original": value, "left": 1.0, "right": 0.0} for i, value in enumerate(originals)}
        )

    got = pair(tmp_path, samples([0, 0, 0, 1, 1, 0]), samples([1, 1, 1, 0, 1, 0]))
    assert got.extra["original"].value == pytest.approx(2 / 6)
    assert got.difference.value == 0
