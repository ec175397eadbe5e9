"""What exports call models, scores and settings: never by a name that is another one's."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml

from lmms_bapa.errors import UsageError
from lmms_bapa.export.source import open_source
from lmms_bapa.export.submission.facts import model_and_setting

from .export_runs import export
from .result_folders import noisy, plain_samples, probe_samples, write_run

SECRET, HOME = "hf_abcdefghijklmnopqrstuvwx", "/home/somebody"
NEW_HUB = hasattr(huggingface_hub, "EvalResultEntry")
EXPORTS: dict[str, tuple[str, ...]] = {
    "csv": (),
    "latex": (),
    "model-card": ("base_model=lab/model",),
    "every-eval-ever": ("organization=A", "relationship=other", "model=lab/model"),
    **({"hf-eval-results": ("note={intervention}",)} if NEW_HUB else {}),
}


def write_pope(folder: Path, value: float | None, args: str = "", **more: Any) -> Path:
    """A stock and a steered run of a benchmark, two thirds of whose questions are right."""
    for label in ("off", "bapa=true"):
        given = f"pretrained=lab/model{args}" + (f",{label}" if label != "off" else "")
        write_run(
            folder / label,
            {"pope": plain_samples([1.0, 0.0, 1.0], "pope_accuracy")},
            given,
            config={"dataset_path": "lmms-lab/POPE", "dataset_kwargs": {"token": True}},
            better={"pope_accuracy": True},
            results={"pope": {"pope_accuracy,none": value}},
            **more,
        )
    return folder


def table_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("value", "metric"),
    [
        (2 / 3, "pope_accuracy"),
        (200 / 3, "pope_accuracy"),  # percent
        (1333.3, "pope_accuracy per question"),  # a sum, as MME's
        (0.5, "pope_accuracy per question"),
        (None, "pope_accuracy"),
    ],
)
def test_a_score_has_the_harness_s_name_only_with_its_value(
    tmp_path: Path, value: float | None, metric: str
) -> None:
    source = open_source(write_pope(tmp_path, value))
    for name, text in export("csv", source).items():
        if name != "wide.csv":
            assert {row["metric"] for row in table_of(text)} == {metric}
    assert any("per question" in note for note in source.notes) == metric.endswith("question")
    words = metric.replace("_", " ")
    (table,) = export("latex", source).values()
    assert re.search(rf"& {words.capitalize()} \(\\%\) \\\\", table)
    card = export("model-card", source)
    assert f"| {words}, % |" in card["off/README_section.md"]
    (found,) = yaml.safe_load(card["off/metadata.yaml"])["model-index"][0]["results"]
    (shown,) = found["metrics"]
    assert (shown["type"], shown["name"]) == (metric.replace(" ", "_"), words)


def test_a_score_has_one_name_in_all_settings(tmp_path: Path) -> None:
    """A sum of nothing is also a mean of nothing."""
    for label, (scores, value) in {
        "off": ([0.0, 0.0], 0.0),
        "bapa=true": ([1.0, 1.0], 200),
    }.items():
        args = "pretrained=m" + (f",{label}" if label != "off" else "")
        results = {"mme": {"mme_sum,none": value}}
        samples = {"mme": plain_samples(scores, "mme_sum")}
        write_run(tmp_path / label, samples, args, better={"mme_sum": True}, results=results)
    rows = table_of(export("csv", open_source(tmp_path))["figures.csv"])
    assert {row["metric"] for row in rows} == {"mme_sum per question"}


@pytest.mark.parametrize("name", EXPORTS)
def test_no_secret_and_no_folder_of_the_user_is_written(tmp_path: Path, name: str) -> None:
    args = f",token={SECRET},chat_template={HOME}/t.jinja"
    folder = write_pope(tmp_path, 2 / 3, args)
    for path in folder.rglob("*_results.json"):
        path.write_text(path.read_text().replace("lab/model", f"{HOME}/tuned"))
    files = export(name, open_source(folder), *EXPORTS[name])
    written = "\n".join([*files, *files.values()])
    assert SECRET not in written
    assert HOME not in written
    assert '"options": "{\\"token' not in written  # nor what a blot leaves of harmless options


@pytest.mark.parametrize("name", [name for name in EXPORTS if name != "every-eval-ever"])
def test_a_model_with_an_adapter_is_not_its_base_model(tmp_path: Path, name: str) -> None:
    source = open_source(write_pope(tmp_path, 2 / 3, f",peft={HOME}/my-lora"))
    files = export(name, source, *EXPORTS[name])
    assert all("my-lora" in text for text in files.values())
    assert HOME not in "".join(files.values())
    assert [model_and_setting(source, run) for run in source.runs] == [
        "lab/model+my-lora",
        "lab/model+my-lora+bapa=true",
    ]


@pytest.mark.parametrize("name", ["latex", "model-card"])
def test_a_part_of_the_questions_is_called_one(tmp_path: Path, name: str) -> None:
    counts = {"pope": {"original": 9000, "effective": 3}}
    part = export(name, open_source(write_pope(tmp_path / "a", 2 / 3, **{"n-samples": counts})))
    whole = export(name, open_source(write_pope(tmp_path / "b", 2 / 3)))
    said = "Only 3 of 9,000 questions were asked."
    assert all(said in text for text in part.values())
    assert not any("questions were asked" in text for text in whole.values())


def test_a_star_on_a_spread_is_of_the_spread_s_own_test(tmp_path: Path) -> None:
    """Spreads that differ at equal scores, and scores that differ at equal spreads."""

    def right(share: float) -> Any:
        return noisy(lambda _: share)

    def first_row(doc: Any) -> str:
        other = {"Yes": "No", "No": "Yes"}[doc["answer"]]
        return other if doc["asked"] == "key" and doc["cell"] < 3 else str(doc["answer"])

    def no_row(doc: Any) -> str:
        """As many wrong ones, at none of the places."""
        other = {"Yes": "No", "No": "Yes"}[doc["answer"]]
        return other if doc["asked"] != "key" and doc["cell"] < 3 else str(doc["answer"])

    answers = {"moved": (first_row, no_row), "better": (right(0.5), right(1.0))}
    marks = {}
    for name, (stock, steered) in answers.items():
        for label, answer in (("off", stock), ("bapa=true", steered)):
            args = "pretrained=m" + (f",{label}" if label != "off" else "")
            write_run(tmp_path / name / label, {"t": probe_samples(answer, groups=12)}, args)
        source = open_source(tmp_path / name)
        (found,) = source.comparisons.values()
        (table,) = export("latex", source, "intervals=none").values()
        (row,) = re.findall(r"^BaPA & (.*) \\\\$", table, re.MULTILINE)
        marks[name] = ["^{*}" in cell for cell in row.split("&")]
        assert marks[name] == [found.is_shown, found.is_spread_shown]
    assert marks == {"moved": [False, True], "better": [True, False]}


class TestOneEach:
    def test_settings_that_would_have_one_name(self, tmp_path: Path) -> None:
        for number, anchor in enumerate(("a/b", "a:b")):
            args = f"pretrained=m,bapa=true,bapa_anchor={anchor}"
            write_run(tmp_path / str(number), {"t": plain_samples([1.0])}, args)
        with pytest.raises(UsageError, match="would both be bapa=true,bapa_anchor=a_b in names"):
            open_source(tmp_path)
        (run,) = open_source(tmp_path, ["bapa=true,bapa_anchor=a/b"]).runs
        assert run.settings["bapa_anchor"] == "a/b"

    def test_a_setting_that_is_there_twice_without_samples(self, tmp_path: Path) -> None:
        """Which of two values is filed must not be an accident."""
        for number, task in enumerate(("t", "u", "t")):
            write_run(tmp_path / str(number), {task: plain_samples([1.0])}, "pretrained=m")
        for log in tmp_path.rglob("*_samples_t.jsonl"):
            log.unlink()
        with pytest.raises(UsageError, match=r"off has t twice, in 0/.* and 2/"):
            open_source(tmp_path)
