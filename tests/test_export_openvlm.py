"""Prediction files for VLMEvalKit, scored again here by what its scorers look at."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.export.openvlm import TASKS
from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import open_source

from .handed_in import DATE, change_results, change_samples, exported, harness_run
from .result_folders import write_run

DEV = "mmbench_en_dev_static"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the harness's own figures."""
    return harness_run(tmp_path_factory.mktemp("made"), DEV, "mmbench_en_test", "mme", "pope")


def frame(files: dict[str, bytes], ending: str) -> pd.DataFrame:
    """The one sheet of a benchmark, read as VLMEvalKit does."""
    (content,) = (content for path, content in files.items() if path.endswith(ending))
    return pd.read_excel(io.BytesIO(content))


def figure(run: Path, task: str, metric: str) -> float:
    results = json.loads((run / f"{DATE}_results.json").read_text())
    return float(results["results"][task][f"{metric},none"])


def test_mmbench_scores_as_in_the_harness(made: Path) -> None:
    """Right is a question that is answered rightly in all rotations of its options."""
    sheet = frame(exported("openvlm", made, tasks=(DEV,)), "_MMBench_DEV_EN.xlsx")
    columns = ["index", "question", *"ABCD", "answer", "category", "l2-category", "split", "hint"]
    assert {*columns, "prediction", "source"} == set(sheet.columns)
    right = (sheet["prediction"] == sheet["answer"]).groupby(sheet["index"] % 1_000_000).all()
    assert 100 * right.mean() == pytest.approx(figure(made, DEV, "gpt_eval_score"))
    assert 0 < right.mean() < 1
    assert sheet["D"].isna().sum() == 2, "a question with three options"
    assert sheet["hint"].isna().sum() == 7, "of documents with odd numbers"


def test_mme_scores_as_in_the_harness(made: Path) -> None:
    """Accuracy and accuracy of pairs, in percent, added up over the kinds of question."""
    sheet = frame(exported("openvlm", made, tasks=("mme",)), "_MME.xlsx")
    right = sheet["prediction"].str.capitalize() == sheet["answer"]
    scores = {
        kind: 100 * (right[rows.index].mean() + right.groupby(rows["image_path"]).all().mean())
        for kind, rows in sheet.groupby("category")
    }
    perception = scores["existence"] + scores["count"]
    assert perception == pytest.approx(figure(made, "mme", "mme_perception_score"))
    assert scores["code_reasoning"] == figure(made, "mme", "mme_cognition_score")
    assert list(sheet["index"]) == list(range(8))


def pope_samples(start: int) -> list[dict[str, Any]]:
    """Every fourth is answered wrongly."""
    rows = []
    for i in range(8):
        truth = ("yes", "no")[i % 2]
        said = truth if (i + start) % 4 else ("no", "yes")[i % 2]
        record = {"question_id": str(i + 1), "score": 0.0, "prediction": said}
        rows.append(
            {
                "doc_id": i,
                "target": truth,
                "filtered_resps": said.capitalize(),
                "input": f"Is there thing {start + i}?\nAnswer the question using a single word.",
                "pope_accuracy": {**record, "ground_truth": truth},
            }
        )
    return rows


PARTS = ("pope_random", "pope_adv", "pope_pop")


def test_pope_is_its_three_parts(tmp_path: Path) -> None:
    write_run(tmp_path, {task: pope_samples(10 * i) for i, task in enumerate(PARTS)})
    files = exported("openvlm", tmp_path)
    assert set(files) == {"micro-llava/micro-llava_POPE.xlsx", "micro-llava/about.json"}
    sheet = frame(files, "_POPE.xlsx")
    assert list(sheet["index"]) == list(range(24))
    assert list(sheet["category"].unique()) == ["random", "adversarial", "popular"]
    assert set(sheet["answer"]) == {"Yes", "No"}
    assert (sheet["answer"] == sheet["prediction"]).mean() == 0.75
    with pytest.raises(UsageError, match="run the group pope_full"):
        exported("openvlm", tmp_path, tasks=PARTS[:2])


def test_the_models_name_carries_the_setting(made: Path, tmp_path: Path) -> None:
    for name, options in (("a", "pretrained=x/m"), ("b", "pretrained=x/m,agci_lambda=0.3")):
        shutil.copytree(made, tmp_path / name)

        def change(results: dict[str, Any], options: str = options) -> None:
            results["config"] |= {"model_args": options}

        change_results(tmp_path / name, change)
    files = exported("openvlm", tmp_path, tasks=("mme",))
    assert set(files) == {
        "x_m/x_m_MME.xlsx",
        "x_m/about.json",
        "x_m+agci_lambda=0.3/x_m+agci_lambda=0.3_MME.xlsx",
        "x_m+agci_lambda=0.3/about.json",
    }
    about = json.loads(files["x_m+agci_lambda=0.3/about.json"])
    assert "AGCI lambda=0.3" in about["intervention"]
    assert "not the model's own score" in about["note"]


def test_whatever_the_model_said_is_a_text(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "run")
    said = ["=1+1", "A\x00", "#N/A", "N/A", "B" * 40_000, "a\nb", "\U0001f600", "nan"]

    def change(number: int, sample: dict[str, Any]) -> None:
        sample["filtered_resps"] = said[number]

    change_samples(tmp_path / "run", "mme", change)
    source = open_source(tmp_path / "run", tasks=("mme",))
    (content,) = (
        f.content for f in make_exporter("openvlm").files(source) if f.path.suffix == ".xlsx"
    )
    read = pd.read_excel(io.BytesIO(content), dtype=str, keep_default_na=False)["prediction"]
    assert list(read) == ["=1+1", "A", "#N/A", "N/A", "B" * 32_767, "a\nb", "\U0001f600", "nan"]
    assert source.notes == ["off, MME: 1 text is cut to the 32767 characters that a cell can hold"]


def test_only_what_the_log_tells_is_exported(made: Path) -> None:
    with pytest.raises(UsageError, match=r"pope: the sample log does not tell.*mmbench_en_dev,"):
        exported("openvlm", made, tasks=("pope",))
    source = open_source(made)
    names = {f.path.name for f in make_exporter("openvlm").files(source)}
    assert not any("POPE" in name for name in names)
    assert "MMBench_TEST_EN" in str(names)
    assert any(note.endswith(": pope") for note in source.notes)


def test_one_benchmark_is_not_made_of_two_tasks(tmp_path: Path) -> None:
    write_run(tmp_path, {"mmbench_en_dev": [{"doc_id": 0}], DEV: [{"doc_id": 0}]})
    with pytest.raises(UsageError, match="are both MMBench_DEV_EN: choose one with --tasks"):
        exported("openvlm", tmp_path)


def test_other_samples_and_parts_of_a_run_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "other", {"mme": [{"doc_id": 0, "filtered_resps": "Yes", "input": "?"}]})
    with pytest.raises(UsageError, match="not the samples of mme of lmms-eval"):
        exported("openvlm", tmp_path / "other")
    counts = {"mme": {"original": 2374, "effective": 1}}
    write_run(tmp_path / "part", {"mme": [{"doc_id": 0}]}, **{"n-samples": counts})
    with pytest.raises(UsageError, match="1 of 2374 questions"):
        exported("openvlm", tmp_path / "part")


def test_tasks_are_those_of_the_installed_harness() -> None:
    from lmms_bapa.harness.fast_tasks import manager_for

    known = manager_for(list(TASKS)).all_tasks
    assert set(TASKS) <= set(known)
    assert np.all([name[0].isupper() for name, _ in TASKS.values()])
