"""The rows that evaluation servers take, and which of them an exporter refuses."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.export import EXPORTERS
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import check_rows, expected_rows, read_rows

from .handed_in import exported
from .result_folders import write_run

FORMS: dict[str, list[dict[str, Any]]] = {
    "vqav2_test": [{"question_id": 5, "answer": "cup"}, {"question_id": 6, "answer": "no"}],
    "vizwiz_vqa_test": [{"image": "t_1.jpg", "answer": "a"}, {"image": "t_2.jpg", "answer": "b"}],
    "docvqa_test": [{"questionId": 5, "answer": "$ 5"}, {"questionId": 6, "answer": "6 %"}],
    "infovqa_test": [{"questionId": 5, "answer": "x"}, {"questionId": 6, "answer": "y"}],
    "mmmu_test": [{"test_Art_1": "A"}, {"test_Art_2": "3.5"}],
}


def test_files_of_other_servers(tmp_path: Path) -> None:
    """Their names have no time of day in them; MMMU's is one object for all questions."""
    samples = {
        task: [{"doc_id": i, "target": "", "submission": row} for i, row in enumerate(rows)]
        for task, rows in FORMS.items()
    }
    write_run(tmp_path, samples, config={"metric_list": [{"metric": "submission"}]})
    files = exported("submission", tmp_path)
    read = {p.split("/")[1]: (p, json.loads(c)) for p, c in files.items() if "about" not in p}
    assert read.pop("mmmu_test") == (
        "off/mmmu_test/mmmu_test_for_submission.json",
        {"test_Art_1": "A", "test_Art_2": "3.5"},
    )
    assert {task: content for task, (_, content) in read.items()} == {
        task: rows for task, rows in FORMS.items() if task != "mmmu_test"
    }
    assert {Path(path).name for path, _ in read.values()} == {
        "vqav2-test-submission.json",
        "vizwiz_vqa-test-submission.json",
        "docvqa_test_for_submission.json",
        "infovqa_test_for_submission.json",
    }


@pytest.mark.parametrize("task", FORMS)
def test_each_server_has_an_exporter_that_knows_its_rows(task: str) -> None:
    (kind,) = (
        kind
        for kind in EXPORTERS.values()
        if issubclass(kind, Submission) and kind.columns and fnmatch(task, kind.tasks[0])
    )
    made = FORMS[task]
    content = made[0] | made[1] if task == "mmmu_test" else made
    rows = read_rows("made.json", json.dumps(content).encode())
    assert rows is not None
    check_rows(task, rows, expected_rows("made.json", made), kind.columns)
    for column in kind.columns:
        for broken in ([{**rows[0], column: None}, rows[1]], [{column: rows[0][column]}] * 2):
            with pytest.raises(UsageError, match="the server"):
                check_rows(task, broken, broken, kind.columns)
