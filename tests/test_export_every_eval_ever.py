"""Records of a real sweep for Every Eval Ever: the schemas, the numbers, and who is who."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmms_bapa.provenance.manifest import read_manifest
from lmms_bapa.sweep.config import read_config
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep

from .eee_exports import Exported

TASK, STEERED = "spatial_probe_lite", "agci_lambda=0.5"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two settings."""
    folder = tmp_path_factory.mktemp("sweep") / "x"
    given = {
        "model_args": "pretrained=micro-llava,device=cpu",
        "tasks": TASK,
        "grid": {"agci_lambda": [0, 0.5]},
        "limit": 36,
        "batch_size": 18,
    }
    sweep(read_config(None, given), folder, SweepProgress())
    return folder


@pytest.fixture(scope="module")
def export(real: Path) -> Exported:
    return Exported(real)


class TestRealSweep:
    def test_fits_the_schemas(self, export: Exported) -> None:
        assert len(export.files) == 4
        export.check()

    def test_a_steered_model_is_another_model(self, export: Exported) -> None:
        ids = {model for model, _ in export.records}
        assert ids == {"lmms-bapa/micro-llava", f"lmms-bapa/micro-llava+{STEERED}"}
        stock, steered = (export.records[name, TASK] for name in sorted(ids))
        for part in (stock["model_info"], stock["eval_library"]):
            assert part["additional_details"]["intervention"] == "none"
        for part in (steered["model_info"], steered["eval_library"]):
            told = part["additional_details"]
            assert told["intervention"] == "agci"
            assert told["agci_lambda"] == "0.5"
            assert told["agci_scope"] == "image"  # left at its default
        assert steered["model_info"]["additional_details"]["base_model"] == "lmms-bapa/micro-llava"
        assert "not the score of the model" in str(steered["source_metadata"])
        assert "not the score of the model" not in str(stock["source_metadata"])
        assert {row["metadata"]["setting"] for row in export.samples[sorted(ids)[1], TASK]} == {
            STEERED
        }

    def test_every_number_is_the_harness_s(self, real: Path, export: Exported) -> None:
        for setting, suffix in (("off", ""), (STEERED, f"+{STEERED}")):
            (file,) = (real / setting).rglob("*_results.json")
            given = json.loads(file.read_text())["results"][TASK]
            numbers = {
                key.removesuffix(",none"): value
                for key, value in given.items()
                if isinstance(value, float) and "stderr" not in key and math.isfinite(value)
            }
            assert numbers.pop("chance") == 0.5  # of the questions, not of the model
            record = export.records[f"lmms-bapa/micro-llava{suffix}", TASK]
            results = record["evaluation_results"]
            found = {
                r["metric_config"]["metric_name"]: r["score_details"]["score"] for r in results
            }
            assert found == numbers
            beside = results[0]["score_details"]["details"]
            assert beside["chance"] == "0.5"
            assert json.loads(beside["cell_accuracy"]) == given["cell_accuracy,none"]
            error = results[0]["score_details"]["uncertainty"]["standard_error"]
            assert error["value"] == pytest.approx(given["accuracy_stderr_clustered,none"])
            assert "clustered" in error["method"]

    def test_accuracy_has_an_interval_and_bounds(self, export: Exported) -> None:
        record = export.records["lmms-bapa/micro-llava", TASK]
        accuracy = record["evaluation_results"][0]
        assert accuracy["metric_config"]["metric_id"] == "accuracy"
        assert accuracy["metric_config"]["max_score"] == 1.0
        interval = accuracy["score_details"]["uncertainty"]["confidence_interval"]
        assert interval["lower"] < accuracy["score_details"]["score"] < interval["upper"]
        assert interval["confidence_level"] == 0.95
        assert interval["method"]
        rows = export.samples["lmms-bapa/micro-llava", TASK]
        right = [row["evaluation"]["is_correct"] for row in rows]
        assert sum(right) / len(right) == accuracy["score_details"]["score"]
        assert {row["evaluation_result_id"] for row in rows} == {"accuracy"}

    def test_the_time_is_the_run_s(self, real: Path, export: Exported) -> None:
        """The harness writes another zone's clock; the manifest has UTC."""
        manifest = read_manifest(real / "off")
        assert manifest is not None
        written = datetime.fromisoformat(manifest.date)
        told = int(export.records["lmms-bapa/micro-llava", TASK]["retrieved_timestamp"])
        passed = written - datetime.fromtimestamp(told, UTC)
        assert 0 <= passed.total_seconds() < 300

    def test_says_how_it_was_made(self, real: Path, export: Exported) -> None:
        manifest = read_manifest(real / "off")
        assert manifest is not None
        record = export.records["lmms-bapa/micro-llava", TASK]
        library = record["eval_library"]
        assert (library["name"], library["version"]) == (
            "lmms-eval",
            manifest.versions["lmms-eval"],
        )
        told = library["additional_details"]
        assert told["lmms-bapa_version"] == manifest.versions["lmms-bapa"]
        assert told["lmms-bapa_sources_sha256"] == manifest.sources_sha256
        result = record["evaluation_results"][0]
        generation = result["generation_config"]
        assert generation["generation_args"]["max_tokens"] == 16
        assert generation["generation_args"]["temperature"] == 0
        data = result["source_data"]
        assert data["source_type"] == "other"
        made = data["additional_details"]
        assert json.loads(made["task_metadata"])["generator"]
        assert json.loads(made["options"])["seed"] == 0
        assert made["incomplete"] == "36 of 900 questions were asked"

    def test_samples_say_which_picture(self, export: Exported) -> None:
        rows = export.samples["lmms-bapa/micro-llava", TASK]
        shown = {(row["metadata"]["where"], row["metadata"]["question_id"]) for row in rows}
        assert len(shown) == len(rows)
        assert all("doc_hash" not in row["metadata"] for row in rows)  # one for all: it tells none

    def test_a_second_export_is_the_same(self, real: Path, export: Exported) -> None:
        assert Exported(real).files == export.files
        alone = Exported(real, settings=(STEERED,)).files
        assert alone.items() < export.files.items()

    def test_no_path_of_the_machine(self, real: Path, export: Exported) -> None:
        text = b"".join(export.files.values()).decode()
        assert str(real) not in text
        assert str(real.parent) not in text
