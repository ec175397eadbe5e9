"""Whose score a record for Every Eval Ever is, and what it may not tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.export.options import make_exporter
from lmms_bapa.provenance.manifest import Manifest, ModelFacts, write_manifest

from .eee_exports import BY, HUB, Exported, write_task
from .result_folders import plain_samples


class TestIdentity:
    def given(self, folder: Path, model_args: str, **more: Any) -> Path:
        more = {"results": {"accuracy,none": 0.5}, **more}
        return write_task(folder, plain_samples([1.0, 0.0]), model_args=model_args, **more)

    def test_hub_model(self, tmp_path: Path) -> None:
        found = Exported(self.given(tmp_path, f"{HUB},agci_lambda=1.,bapa=true"))
        found.check()
        info = found.record["model_info"]
        assert info["id"] == "llava-hf/llava-1.5-7b-hf+agci_lambda=1.,bapa=true"
        assert info["additional_details"]["base_model"] == "llava-hf/llava-1.5-7b-hf"
        assert info["additional_details"]["intervention"] == "agci + bapa"
        assert info["additional_details"]["bapa_anchor"] == "paper"

    def test_a_setting_that_ends_in_a_point(self, tmp_path: Path) -> None:
        found = Exported(self.given(tmp_path, f"{HUB},agci_lambda=1."))
        found.check()
        assert found.record["model_info"]["id"].endswith("+agci_lambda=1.0")

    def test_a_folder_needs_a_name(self, tmp_path: Path) -> None:
        (tmp_path / "secret" / "weights").mkdir(parents=True)
        place = tmp_path / "secret" / "weights"
        run = self.given(tmp_path / "run", f"pretrained={place}")
        with pytest.raises(UsageError, match="weights is a folder: name the model") as refused:
            Exported(run)
        assert str(tmp_path) not in str(refused.value)
        found = Exported(run, "model=my-lab/tuned")
        found.check()
        assert found.record["model_info"]["id"] == "my-lab/tuned"
        assert str(tmp_path) not in b"".join(found.files.values()).decode()

    def test_a_relative_folder_looks_like_a_hub_id(self, tmp_path: Path) -> None:
        """The manifest knows no commit of the hub."""
        run = self.given(tmp_path / "a", "pretrained=my/weights")
        manifest = Manifest(
            kind="setting",
            date="2026-01-02T03:04:05+00:00",
            model_args="",
            model=ModelFacts(pretrained="my/weights"),
            asked=["t"],
        )
        assert Exported(run).record["model_info"]["id"] == "my/weights"
        write_manifest(run.parent, manifest)
        with pytest.raises(UsageError, match="model=developer/name"):
            Exported(run)

    def test_a_command_loses_its_paths(self, tmp_path: Path) -> None:
        run = self.given(tmp_path / "a", HUB)
        command = (
            "lmms-bapa sweep --output /home/me/runs/x --include_path=~/own/tasks "
            "--model_args pretrained=/data/w,hub=https://a.org/b token=abc"
        )
        facts = ModelFacts(pretrained="llava-hf/llava-1.5-7b-hf", commit="c0ffee")
        manifest = Manifest(
            kind="setting",
            date="2026-01-02T03:04:05+00:00",
            model_args="",
            command=command,
            model=facts,
            asked=["t"],
        )
        write_manifest(run.parent, manifest)
        arguments = Exported(run).result("accuracy")["generation_config"]["generation_args"]
        assert arguments["execution_command"] == (
            "lmms-bapa sweep --output x --include_path=tasks "
            "--model_args pretrained=w,hub=https://a.org/b token=[REDACTED]"
        )

    def test_an_adapter_on_top_is_another_model(self, tmp_path: Path) -> None:
        run = self.given(tmp_path, f"{HUB},peft=my-lab/lora")
        with pytest.raises(UsageError, match="PEFT adapter is another model"):
            Exported(run)
        Exported(run, "model=my-lab/llava-lora").check()

    def test_another_adapter_of_the_harness(self, tmp_path: Path) -> None:
        """Nothing is said of what only its own code knows."""
        run = self.given(
            tmp_path,
            HUB,
            task={
                "generation_kwargs": {"max_new_tokens": 32, "temperature": 0, "top_p": 0.5},
                "dataset_path": "lmms-lab/POPE",
                "dataset_name": "Full",
                "test_split": "test",
            },
        )
        file = next(run.glob("*_results.json"))
        results = json.loads(file.read_text())
        results["config"]["model"] = "llava_hf"
        results["n-samples"]["t"]["original"] = 9000
        results["lmms_eval_version"] = "private-branch@abcdef"  # of the folder it was typed in
        file.write_text(json.dumps(results))
        found = Exported(run)
        found.check()
        record = found.record
        assert record["eval_library"]["version"] == "unknown"
        assert "private-branch" not in str(record)
        info = record["model_info"]
        assert info["id"] == "llava-hf/llava-1.5-7b-hf"
        assert info["additional_details"]["deployment_type"] == "unknown"
        assert "inference_engine" not in info
        result = found.result("accuracy")
        assert result["generation_config"]["generation_args"] == {
            "temperature": 0,
            "max_tokens": 32,
        }
        data = result["source_data"]
        assert (data["source_type"], data["hf_repo"]) == ("hf_dataset", "lmms-lab/POPE")
        assert (data["hf_split"], data["samples_number"]) == ("test", 9000)
        assert data["additional_details"]["subset"] == "Full"
        assert data["additional_details"]["incomplete"] == "2 of 9000 questions were asked"

    def test_own_adapter_replies_as_long_as_it_does(self, tmp_path: Path) -> None:
        """Where the task sets no length, the adapter does."""
        run = self.given(tmp_path / "a", HUB)
        arguments = Exported(run).result("accuracy")["generation_config"]["generation_args"]
        assert arguments == {"temperature": 0.0, "max_tokens": 1024}
        run = self.given(tmp_path / "b", f"{HUB},max_new_tokens=7")
        arguments = Exported(run).result("accuracy")["generation_config"]["generation_args"]
        assert arguments["max_tokens"] == 7

    @pytest.mark.parametrize("path", ["parquet", "my/data", "/home/me/data"])
    def test_local_data_is_no_data_set_of_the_hub(self, tmp_path: Path, path: str) -> None:
        files = {"data_files": {"test": "/home/me/private/data.parquet"}}
        run = self.given(tmp_path, HUB, task={"dataset_path": path, "dataset_kwargs": files})
        data = Exported(run).result("accuracy")["source_data"]
        assert data["source_type"] == "other"
        assert "/home" not in str(data)

    def test_the_time_zone_of_the_command(self, tmp_path: Path) -> None:
        seconds = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
        run = self.given(tmp_path / "a", HUB)
        assert int(Exported(run).record["retrieved_timestamp"]) == seconds - 8 * 3600
        run = self.given(tmp_path / "b", HUB)
        file = next(run.glob("*_results.json"))
        results = json.loads(file.read_text())
        results["config"]["resolved_cli_args"] = {"timezone": "America/New_York"}
        file.write_text(json.dumps(results))
        assert int(Exported(run).record["retrieved_timestamp"]) == seconds + 5 * 3600

    def test_collection(self, tmp_path: Path) -> None:
        found = Exported(self.given(tmp_path, HUB), "collection=my-study")
        found.check()
        assert {place.parts[1] for place in found.files} == {"my-study"}

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ("model=nothing", "developer/name"),
            ("model=a/b/c", "developer/name"),
            ("model=../x", "developer/name"),
            ("model=data/x", "not be data"),
            ("collection=data", "not be data"),
            ("collection=a/b", "letters"),
            ("collection=..", "letters"),
            ("collection=con", "letters"),
            ("relationship=self", "relationship"),
            ("weights=mine", "weights"),
            ("samples=perhaps", "samples"),
            ("organisation=x", "did you mean organization"),
        ],
    )
    def test_options(self, option: str, message: str) -> None:
        given = [setting for setting in BY if setting.split("=")[0] != option.split("=")[0]]
        with pytest.raises(UsageError, match=message) as refused:
            make_exporter("every-eval-ever", [*given, option])
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("missing", BY)
    def test_who_measured_is_never_guessed(self, missing: str) -> None:
        name = missing.split("=")[0]
        with pytest.raises(UsageError, match=f"needs {name}="):
            make_exporter("every-eval-ever", [setting for setting in BY if setting != missing])
