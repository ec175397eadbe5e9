"""Files for evaluation servers, read back as a server reads them."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import open_source
from lmms_bapa.export.submission.harness_files import harness_files
from lmms_bapa.export.submission.sheet import settled

from .handed_in import change_results, change_samples, exported, harness_run

MMBENCH, TEXTVQA = "mmbench_en_test", "textvqa_val"
SHEET = f"off/{MMBENCH}/mmbench_en_test_results.xlsx"
ANSWERS = f"off/{TEXTVQA}/textvqa_submission.json"
# What a model may say -> what a server must read.
HOSTILE = {
    "A\x00\x07\x1b": "A",
    "=1+1": "=1+1",
    "#N/A": "#N/A",
    "N/A": "N/A",
    "B" * 40_000: "B" * 32_767,
    "first\r\nsecond\tthird": "first\r\nsecond\tthird",
    "it is \U0001f600": "it is \U0001f600",
    "lone \ud83d \uffff": "lone  ",
    "": "",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two tasks, and the files that the harness made of it."""
    folder = tmp_path_factory.mktemp("made")
    harness_run(folder, MMBENCH, TEXTVQA)
    return folder


@pytest.fixture(name="run")
def copy_of_the_run(made: Path, tmp_path: Path) -> Path:
    """The same run, to be changed."""
    shutil.copytree(made / "run", tmp_path / "run")
    return tmp_path / "run"


def server_reads(sheet: bytes) -> pd.DataFrame:
    """All cells as texts, and what looks like a missing value is a text, too."""
    return pd.read_excel(io.BytesIO(sheet), dtype=str, keep_default_na=False)


def answer_with(replies: list[str]) -> Any:
    def change(number: int, sample: dict[str, Any]) -> None:
        sample["filtered_resps"] = sample["submission"]["prediction"] = replies[number]

    return change


def test_the_files_are_those_that_the_harness_wrote(made: Path) -> None:
    files = exported("submission", made / "run")
    theirs = {path.suffix: path for path in (made / "submissions").iterdir()}
    pd.testing.assert_frame_equal(
        pd.read_excel(io.BytesIO(files[SHEET])), pd.read_excel(theirs[".xlsx"])
    )
    assert files[ANSWERS] == theirs[".json"].read_bytes()
    folders = {path.rpartition("/")[0] for path in (SHEET, ANSWERS)}
    assert set(files) == {SHEET, ANSWERS, *(f"{folder}/about.json" for folder in folders)}


def test_nothing_in_the_files_tells_when_they_were_made(made: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(exported("mmbench", made / "run")[SHEET])) as parts:
        assert {part.date_time[0] for part in parts.infolist()} == {1980}
        assert parts.read("docProps/core.xml").count(b"1980-01-01T00:00:00Z") == 2
        assert b"202" not in parts.read("docProps/core.xml").replace(b"/2002", b"")


def test_whatever_the_model_said_is_a_text_in_the_sheet(run: Path) -> None:
    change_samples(run, MMBENCH, answer_with(list(HOSTILE)))
    source = open_source(run)
    files = {str(f.path): f.content for f in make_exporter("mmbench").files(source)}
    read = server_reads(files[SHEET])
    assert list(read["prediction"]) == list(HOSTILE.values())
    assert list(read["index"].astype(int) % 1_000_000) == [11] * 4 + [12] + [13] * 2 + [14, 15]
    as_the_server = pd.read_excel(io.BytesIO(files[SHEET]))["prediction"]
    assert as_the_server[1] == "=1+1", "pandas finds nothing in a formula"
    assert source.notes == [
        f"off, {MMBENCH}: control characters were taken off 2 answers",
        f"off, {MMBENCH}: 1 text is cut to the 32767 characters that a cell can hold",
    ]
    page = openpyxl.load_workbook(io.BytesIO(files[SHEET])).worksheets[0]
    assert {cell.data_type for row in page.iter_rows() for cell in row} <= {"s", "n"}
    about = json.loads(files[f"off/{MMBENCH}/about.json"])["files"]["mmbench_en_test_results.xlsx"]
    assert (about["rows"], about["rows_cleaned"], about["texts_cut"]) == (9, 2, 1)


def test_whatever_the_model_said_is_in_the_json(run: Path) -> None:
    said = ["a\x00b", "=1", "N/A", "c" * 40_000, "d\ne", "\ud83d", ""]

    def change(number: int, sample: dict[str, Any]) -> None:
        sample["submission"]["answer"] = said[number]

    change_samples(run, TEXTVQA, change)
    rows = json.loads(exported("textvqa", run)[ANSWERS])
    assert [row["answer"] for row in rows] == ["ab", *said[1:5], "", ""]
    assert [row["question_id"] for row in rows] == list(range(34602, 34609))


def test_settings_have_folders_of_their_own_and_say_what_was_in_force(
    made: Path, tmp_path: Path
) -> None:
    for name, options in (("a", "pretrained=m"), ("b", "pretrained=m,agci_lambda=0.3")):
        shutil.copytree(made / "run", tmp_path / name)

        def change(results: dict[str, Any], options: str = options) -> None:
            results["config"] |= {"model_args": options}

        change_results(tmp_path / name, change)
    change_samples(tmp_path / "b", MMBENCH, answer_with(["C"] * 9))
    files = exported("mmbench", tmp_path)
    steered = SHEET.replace("off", "agci_lambda=0.3")
    assert set(server_reads(files[steered])["prediction"]) == {"C"}
    assert set(server_reads(files[SHEET])["prediction"]) == {"A", "B"}
    told = {path: json.loads(content) for path, content in files.items() if "about" in path}
    about, stock = told[f"agci_lambda=0.3/{MMBENCH}/about.json"], told[f"off/{MMBENCH}/about.json"]
    assert about["setting"] == "agci_lambda=0.3"
    assert "AGCI lambda=0.3" in about["intervention"]
    assert "not the model's own score" in about["note"]
    assert stock["intervention"] == "stock model"
    assert "is the model's own score" in stock["note"]


def test_answers_come_in_the_order_of_the_questions(run: Path) -> None:
    """Several processes log in turns."""
    log = next(run.glob(f"*_samples_{TEXTVQA}.jsonl"))
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[::2] + lines[1::2]))
    rows = json.loads(exported("textvqa", run)[ANSWERS])
    assert [row["question_id"] for row in rows] == list(range(34602, 34609))


def test_a_part_of_the_questions_is_no_submission_unless_asked_for(run: Path) -> None:
    def change(results: dict[str, Any]) -> None:
        results["n-samples"][MMBENCH]["original"] = 6666

    change_results(run, change)
    with pytest.raises(UsageError, match=r"asked 9 of 6666 questions.*partial=true"):
        exported("mmbench", run)
    about = json.loads(exported("mmbench", run, "partial=true")[f"off/{MMBENCH}/about.json"])
    assert about["tasks"][MMBENCH]["questions"] == 9
    assert about["tasks"][MMBENCH]["of"] == 6666


def as_shifted(task: str) -> Any:
    def change(results: dict[str, Any]) -> None:
        results["configs"][task]["metadata"] = {"base": task, "shift": {"layout": "grid"}}

    return change


def test_a_shifted_task_is_left_out_or_refused(run: Path) -> None:
    change_results(run, as_shifted(MMBENCH))
    with pytest.raises(UsageError, match="at several places, which no server takes"):
        exported("mmbench", run)
    source = open_source(run)
    files = {str(file.path) for file in make_exporter("submission").files(source)}
    assert files == {ANSWERS, f"off/{TEXTVQA}/about.json"}
    assert len(source.notes) == 1
    assert MMBENCH in source.notes[0]


def test_results_without_such_a_task_are_refused(run: Path) -> None:
    with pytest.raises(UsageError, match=f"--to vqav2 is for tasks such as vqav2.*{TEXTVQA}"):
        exported("vqav2", run)
    with pytest.raises(UsageError, match="--to mmbench"):
        exported("mmbench", run, tasks=(TEXTVQA,))


def test_what_the_server_would_not_take_is_refused(run: Path) -> None:
    def twice(number: int, sample: dict[str, Any]) -> None:
        sample["submission"]["question_id"] = 7

    change_samples(run, TEXTVQA, twice)
    with pytest.raises(UsageError, match="same question_id twice"):
        exported("textvqa", run)

    def text(number: int, sample: dict[str, Any]) -> None:
        sample["submission"]["question_id"] = f"q{number}"

    change_samples(run, TEXTVQA, text)
    with pytest.raises(UsageError, match="row 1: the server cannot take the question_id 'q0'"):
        exported("textvqa", run)

    def lacking(number: int, sample: dict[str, Any]) -> None:
        sample["submission"].pop("D")

    change_samples(run, MMBENCH, lacking)
    with pytest.raises(UsageError, match="row 1 has no D, which the server needs"):
        exported("mmbench", run)
    assert exported("submission", run, tasks=(MMBENCH,)), "what the generic one cannot know"


def test_a_log_without_the_record_is_refused(run: Path) -> None:
    change_samples(run, TEXTVQA, lambda number, sample: sample.pop("submission"))
    with pytest.raises(UsageError, match="a sample has no submission: run the task again"):
        exported("textvqa", run)


def test_a_task_whose_file_would_be_sent_away_is_refused(run: Path) -> None:
    """The harness's function for EgoSchema posts the answers to a server."""

    def change(results: dict[str, Any]) -> None:
        results["configs"]["egoschema"] = results["configs"].pop(TEXTVQA)
        results["n-samples"]["egoschema"] = results["n-samples"].pop(TEXTVQA)

    change_results(run, change)
    log = next(run.glob(f"*_samples_{TEXTVQA}.jsonl"))
    log.rename(log.with_name(log.name.replace(TEXTVQA, "egoschema")))
    with pytest.raises(UsageError, match="an export sends nothing"):
        exported("submission", run, tasks=("egoschema",))


def test_a_lost_answer_does_not_go_unseen(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_bapa.export.submission import base

    def forgetful(*arguments: Any) -> dict[str, bytes]:
        (name, content), *_ = harness_files(*arguments).items()
        rows = json.loads(content)
        rows[4]["answer"] = "other"
        return {name: json.dumps(rows).encode()}

    monkeypatch.setattr(base, "harness_files", forgetful)
    with pytest.raises(UsageError, match="row 5: the answer reads back as 'other'"):
        exported("textvqa", run)
    with pytest.raises(UsageError, match="row 5: the answer reads back as 'other'"):
        exported("submission", run, tasks=(TEXTVQA,))


def test_a_sheet_keeps_all_but_formulas_as_they_are() -> None:
    made = io.BytesIO()
    frame = pd.DataFrame({"n": [1, 2.5], "text": ["=A1", " b "]})
    frame.to_excel(made, index=False)
    again = pd.read_excel(io.BytesIO(settled(made.getvalue())))
    pd.testing.assert_frame_equal(again, frame)
    assert settled(settled(made.getvalue())) == settled(made.getvalue())
