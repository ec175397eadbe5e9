"""The choice of a setting on a held-out split: objective, split, file, and the whole command."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import yaml
from lmms_eval.models import AVAILABLE_CHAT_TEMPLATE_MODELS, get_model
from typer.testing import CliRunner

from lmms_bapa.calibration.choice import Objective, choose, judge
from lmms_bapa.calibration.file import check_output
from lmms_bapa.calibration.split import held_out
from lmms_bapa.cli import app
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.probes.questions import ProbeSpec, plan
from lmms_bapa.results.scores import NO_PLACE, Scores

GROUPS, CELLS = 40, 4


def scores_of(
    yes_margins: list[float], no_margin: float = -1.0, noise: float = 0.2, margins: bool = True
) -> Scores:
    """A model whose margins on Yes questions depend on the cell; it says Yes above 0."""
    rng = np.random.default_rng(5)
    margin, positive, group, place = [], [], [], []
    for number in range(GROUPS):
        for cell in range(CELLS):
            for is_yes in (True, False):
                middle = yes_margins[cell] if is_yes else no_margin
                margin.append(middle + noise * rng.standard_normal())
                positive.append(is_yes)
                group.append(number)
                place.append(cell if is_yes else NO_PLACE)
    said = ["yes" if m > 0 else "no" for m in margin]
    right = [(word == "yes") == yes for word, yes in zip(said, positive, strict=True)]
    return Scores(
        task="probe",
        metric="accuracy",
        questions=[str(i) for i in range(len(margin))],
        score=np.array(right, dtype=float),
        group=np.array(group),
        place=np.array(place),
        places=[f"cell {i}" for i in range(CELLS)],
        rows=2,
        positive=np.array(positive),
        said=said,
        margin=np.array(margin) if margins else None,
    )


BIASED = [1.0, 1.0, 1.0, -0.9]  # misses the last cell, whose margins lie among those of No
EVEN = [1.0, 1.0, 1.0, 0.9]


def test_figures_equal_those_counted_by_hand() -> None:
    scores = scores_of(BIASED, noise=0.5)
    found = judge(["off"], [scores], Objective())[0]
    assert scores.margin is not None
    assert scores.positive is not None
    no = scores.margin[~scores.positive]
    areas, accuracies = [], []
    for cell in range(CELLS):
        yes = scores.margin[scores.place == cell]
        areas.append(np.mean([a > b for a in yes for b in no]))
        accuracies.append(np.mean(yes > 0))
    assert found.auroc == pytest.approx(np.mean(areas))
    assert found.auroc_std == pytest.approx(np.std(areas))
    assert found.accuracy_std == pytest.approx(np.std(accuracies))
    assert found.balanced_accuracy == pytest.approx((np.mean(accuracies) + np.mean(no <= 0)) / 2)
    assert found.yes_rate == pytest.approx(np.mean(scores.margin > 0))
    assert found.answers_changed == 0


def test_the_smallest_spread_is_chosen() -> None:
    found = judge(
        ["off", "half", "even"],
        [scores_of(BIASED), scores_of([1, 1, 1, -0.7]), scores_of(EVEN)],
        Objective(),
    )
    assert choose(found).label == "even"
    assert found[2].above_best == 0
    assert found[0].above_best == pytest.approx(found[0].auroc_std - found[2].auroc_std)
    assert found[0].above_best > 2 * found[0].above_best_error > 0


def test_a_model_that_only_says_yes_more_often_is_no_cure() -> None:
    """Every margin rises alike: the accuracy evens out, what can be told apart does not."""
    biased = [1.0, 1.0, 1.0, -0.6]
    shifted = scores_of([m + 1 for m in biased], no_margin=-0.9)
    stock = scores_of(biased, no_margin=-1.9)
    by_accuracy = judge(["off", "yes"], [stock, shifted], Objective("accuracy"))
    assert by_accuracy[1].accuracy_std < 0.1 < by_accuracy[0].accuracy_std
    assert choose(by_accuracy).label == "yes"
    assert choose(judge(["off", "yes"], [stock, shifted], Objective())).label == "off"


def test_a_setting_below_the_floor_is_not_chosen_however_even_it_is() -> None:
    blind = scores_of([-1.0, -1.0, -1.0, -1.0])
    for objective in (Objective(), Objective("accuracy")):
        found = judge(["off", "blind"], [scores_of(BIASED), blind], objective)
        assert not found[1].is_eligible
        assert not found[1].is_tied
        assert choose(found).label == "off"
    # Told apart as well as before, but always answered No: the AUROC alone would not see it.
    always_no = scores_of([m - 5 for m in EVEN], no_margin=-6)
    found = judge(["off", "no"], [scores_of(BIASED), always_no], Objective())
    assert found[1].auroc > found[0].auroc
    assert choose(found).label == "off"


def test_the_floor_itself_is_within_the_floor() -> None:
    found = judge(["off", "same"], [scores_of(BIASED), scores_of(BIASED)], Objective(floor=0))
    assert found[1].is_eligible


def test_ties_go_to_the_setting_that_changes_the_fewest_answers() -> None:
    """The last cell's margins lie right above those of No, or far: the AUROC is 1 either way."""
    strong, weak = scores_of([1.0, 1.0, 1.0, 0.9]), scores_of([1.0, 1.0, 1.0, 0.1])
    found = judge(["off", "strong", "weak"], [scores_of(BIASED), strong, weak], Objective())
    assert [one.is_tied for one in found] == [False, True, True]
    assert 0 < found[2].answers_changed < found[1].answers_changed
    assert choose(found).label == "weak"
    found = judge(["off", "on"], [weak, strong], Objective())
    assert found[1].is_tied
    assert found[1].answers_changed > 0
    assert choose(found).label == "off"


def test_without_margins_only_the_accuracy_can_be_evened_out() -> None:
    stock, even = scores_of(BIASED, margins=False), scores_of(EVEN, margins=False)
    with pytest.raises(UsageError, match="take --objective accuracy"):
        judge(["off", "even"], [stock, even], Objective())
    found = judge(["off", "even"], [stock, even], Objective("accuracy"))
    assert math.isnan(found[0].auroc)
    assert choose(found).label == "even"


def test_the_split_shows_no_picture_of_the_probe(tmp_path: Path) -> None:
    split = held_out("spatial_probe_lite", tmp_path / "split", groups=20)
    assert split.evaluation == ProbeSpec(groups=50, seed=0)
    assert split.calibration == ProbeSpec(groups=20, seed=1)

    def drawings(spec: ProbeSpec) -> set[Any]:
        questions = list(plan(spec))
        assert len(questions) == spec.groups * 18
        return {p for q in questions for p in zip(q["tiles"], q["seeds"], strict=True)}

    whole_probe = ProbeSpec(groups=500, seed=0)
    assert drawings(split.calibration).isdisjoint(drawings(whole_probe))
    assert split.facts()["pictures_in_both"] == 0
    assert split.facts()["calibration"] == {"groups": 20, "seed": 1}
    (written,) = (tmp_path / "split").glob("*.yaml")
    content = yaml.safe_load(written.read_text())
    assert content["dataset_kwargs"] == {"groups": 20, "seed": 1}


def test_a_split_of_the_probe_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--seed 0: 450 pictures of the split are also in"):
        held_out("spatial_probe_lite", tmp_path, seed=0)
    with pytest.raises(UsageError, match="only spatial probes"):
        held_out("spatial_relation_probe", tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mine.txt", "should be NAME.yaml"),
        ("my model.yaml", "should be NAME.yaml"),
        ("llava_bapa.yaml", "llava_bapa is an adapter of this package"),
        ("llava_hf.yaml", "llava_hf is an adapter of lmms-eval: rename it"),
        ("there/mine.yaml", "no such folder"),
        ("old.yaml", "exists: take another name, or add --force"),
    ],
)
def test_a_file_that_could_not_be_used_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "old.yaml").write_text("{}")
    with pytest.raises(UsageError, match=told):
        check_output(tmp_path / name, force=False)
    check_output(tmp_path / "old.yaml", force=True)


def command(*arguments: str) -> Any:
    model_args = ("--model_args", "pretrained=micro-llava,device=cpu", "--batch_size", "32")
    return CliRunner().invoke(app, ["calibrate", *model_args, *arguments])


def test_the_whole_command_writes_an_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six groups of a model that BaPA repairs; the accuracy shows it in so few."""
    output = tmp_path / "even_llava.yaml"
    wanted = ("--objective", "accuracy", "--grid", "bapa=false,true", "--groups", "6")
    done = command(*wanted, "--output", str(output))
    assert done.exit_code == 0, done.output
    preset = load_preset(output)
    assert preset.model_args == {"pretrained": "micro-llava", "device": "cpu", "bapa": True}
    evidence = preset.evidence
    assert evidence["chosen"] == "bapa=true"
    off, on = evidence["candidates"]
    assert (off["setting"], on["setting"]) == ("off", "bapa=true")
    assert on["accuracy_std"] < off["accuracy_std"] - 0.05
    assert off["answers_changed"] == 0 < on["answers_changed"]
    assert "accuracy over places" in evidence["objective"]
    assert evidence["questions"]["calibration"] == {"groups": 6, "seed": 1}
    assert evidence["versions"]["lmms-eval"]
    assert [p.name for p in tmp_path.iterdir()] == ["even_llava.yaml"]

    assert "even_llava" not in preset_names()
    monkeypatch.setenv("LMMS_BAPA_MODEL_CONFIGS", str(tmp_path))
    assert "even_llava" in preset_names()
    from lmms_bapa.harness import presets

    adapter = presets.even_llava.create_from_arg_string("")
    assert [str(one) for one in adapter.interventions] == ["BaPA(strength=1.0, anchor='paper')"]

    before = output.read_bytes()
    again = command(*wanted, "--output", str(output))
    assert again.exit_code == 2
    assert "add --force" in again.stderr
    assert output.read_bytes() == before


def test_where_nothing_is_better_the_file_says_so_and_switches_nothing_on(tmp_path: Path) -> None:
    output = tmp_path / "plain.yaml"
    done = command(
        *("--objective", "accuracy", "--grid", "agci_lambda=0,2", "--groups", "4"),
        *("--output", str(output)),
    )
    assert done.exit_code == 0, done.output
    assert "Chosen: off; no setting is better than the stock model" in done.output
    preset = load_preset(output)
    assert preset.model_args == {"pretrained": "micro-llava", "device": "cpu"}
    assert [c["setting"] for c in preset.evidence["candidates"]] == ["off", "agci_lambda=2"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--grid", "bapa_strenght=1"], "did you mean bapa_strength?"),
        (["--grid", "bapa="], "no values"),
        (["--task", "spatial_relation_probe"], "only spatial probes"),
        (["--task", "spatial_prob_lite"], "did you mean spatial_probe_lite?"),
        (["--seed", "0"], "take another seed"),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = command(*arguments, "--output", str(tmp_path / "mine.yaml"))
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert told in line
    assert not list(tmp_path.iterdir())


def test_the_harness_knows_adapters_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmms_bapa.harness.entry_point import manifests

    (tmp_path / "even_llava.yaml").write_text("model_args: {pretrained: micro-llava}\n")
    (tmp_path / "llava_bapa.yaml").write_text("model_args: {pretrained: elsewhere}\n")
    known = {m.model_id for m in manifests()}
    monkeypatch.setenv("LMMS_BAPA_MODEL_CONFIGS", str(tmp_path))
    with patch.dict(AVAILABLE_CHAT_TEMPLATE_MODELS):  # the harness's list, as it was afterwards
        assert {m.model_id for m in manifests()} == known | {"even_llava"}
        assert "even_llava" in AVAILABLE_CHAT_TEMPLATE_MODELS
        check_output(tmp_path / "even_llava.yaml", force=True)  # it may be made again
    assert get_model("llava_bapa").preset.model_args["pretrained"] != "elsewhere"
