"""Exports for Every Eval Ever, read back and held against its schemas and its laws."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from jsonschema import Draft7Validator

from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import open_source

from .result_folders import write_run

SCHEMAS = Path(__file__).parent / "schemas" / "every_eval_ever"
BY = ("organization=A Lab", "relationship=third_party")
HUB = "pretrained=llava-hf/llava-1.5-7b-hf"
ARGS = {"model_args": HUB}


class Exported:
    """What an export gave: files by path, records and samples by (model, task), and notes."""

    def __init__(self, path: Path, *options: str, settings: tuple[str, ...] = ()) -> None:
        source = open_source(path, settings)
        exporter = make_exporter("every-eval-ever", [*BY, *options])
        self.files = {file.path: file.content for file in exporter.files(source)}
        self.notes = source.notes
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.samples: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for place, content in self.files.items():
            if place.suffix != ".json":
                continue
            record = json.loads(content)
            key = record["model_info"]["id"], record["evaluation_results"][0]["evaluation_name"]
            self.records[key] = record
            beside = place.with_name(f"{place.stem}_samples.jsonl")
            if beside in self.files:
                lines = self.files[beside].decode().splitlines()
                self.samples[key] = [json.loads(line) for line in lines]

    @property
    def record(self) -> dict[str, Any]:
        (found,) = self.records.values()
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        (found,) = self.samples.values()
        return found

    def result(self, metric: str) -> dict[str, Any]:
        found = [
            r
            for r in self.record["evaluation_results"]
            if r["metric_config"]["metric_name"] == metric
        ]
        assert len(found) == 1, metric
        return dict(found[0])

    def check(self) -> None:
        """The schemas, and the laws of the data store that they cannot say."""
        aggregate, instance = (
            Draft7Validator(json.loads((SCHEMAS / name).read_text()))
            for name in ("eval.schema.json", "instance_level_eval.schema.json")
        )
        for place, content in self.files.items():
            check_path(place)
            if place.suffix == ".json":
                record = json.loads(content, parse_constant=pytest.fail)
                assert not [e.message for e in aggregate.iter_errors(record)]
                check_record(place, record, self.files)
            else:
                for line in content.decode().splitlines():
                    row = json.loads(line, parse_constant=pytest.fail)
                    assert not [e.message for e in instance.iter_errors(row)]
                    row["input"]["raw"].encode()  # no half of a character


def check_path(place: PurePosixPath) -> None:
    root, collection, developer, model, name = place.parts
    assert root == "data"
    for part in (collection, developer, model):
        assert not re.search(r'[<>:"\\|?*\x00-\x1f]', part)
        assert part[-1] not in ". "
        assert part != "data"
    assert uuid.UUID(name[:36]).version == 4
    assert name[36:] in (".json", "_samples.jsonl")


def check_record(
    place: PurePosixPath, record: Mapping[str, Any], files: Mapping[PurePosixPath, bytes]
) -> None:
    assert "/".join(place.parts[2:4]) == record["model_info"]["id"]
    ids = [result["evaluation_result_id"] for result in record["evaluation_results"]]
    assert ids
    assert len(set(ids)) == len(ids)
    for result in record["evaluation_results"]:
        metric, score = result["metric_config"], result["score_details"]["score"]
        assert "stderr" not in metric["metric_name"]
        if "min_score" in metric or "max_score" in metric:
            assert metric["score_type"] == "continuous"
            assert metric["min_score"] <= score <= metric["max_score"]
    beside = place.with_name(f"{place.stem}_samples.jsonl")
    assert ("detailed_evaluation_results" in record) == (beside in files)
    if beside not in files:
        return
    told, content = record["detailed_evaluation_results"], files[beside]
    assert told["file_path"] == str(beside)
    assert told["checksum"] == hashlib.sha256(content).hexdigest()
    rows = [json.loads(line) for line in content.decode().splitlines()]
    assert told["total_rows"] == len(rows) > 0
    assert {row["evaluation_id"] for row in rows} == {record["evaluation_id"]}
    assert {row["model_id"] for row in rows} == {record["model_info"]["id"]}
    assert {row["evaluation_result_id"] for row in rows if "evaluation_result_id" in row} <= {*ids}
    assert len({row["sample_id"] for row in rows}) == len(rows)


def write_task(folder: Path, samples: list[dict[str, Any]], **more: Any) -> Path:
    """A run of one task ``t``; ``results`` and ``task`` are its figures and its configuration."""
    figures, task = more.pop("results"), more.pop("task", {})
    more = {"date": "20260102_030405", **more}
    file = write_run(folder, {"t": samples}, config=task, results={"t": figures}, **more)
    return file.parent
