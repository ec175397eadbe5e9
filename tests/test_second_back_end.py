"""Whoever reads the options of a run knows where each back end names the checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmms_bapa.commands.calibrate import default_grid
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.backends import backend_of, checkpoint_option
from lmms_bapa.harness.options import build_interventions
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.provenance.manifest_format import Manifest, ModelFacts, differences
from lmms_bapa.provenance.surroundings import versions
from lmms_bapa.reproduction.recorded import record_of
from lmms_bapa.reproduction.trust import check_trust
from lmms_bapa.results.folders import RunFolder, read_run
from lmms_bapa.results.remarks import remarks
from lmms_bapa.runs.heatmaps import figure_rows, read_runs
from lmms_bapa.sweep.config import parse_grid
from lmms_bapa.sweep.plan import settings_of
from lmms_bapa.verify.subject import load_subject
from lmms_bapa.vllm.settings import check

from .result_folders import noisy, probe_samples, start_blind, write_run

ARGUMENTS = "model=micro-llava,max_model_len=512,agci_lambda=0.3"


def made_by(folder: Path, adapter: str, model_args: str) -> Path:
    """A run of an adapter, without a manifest."""
    samples = probe_samples(noisy(start_blind), groups=2)
    path = write_run(folder, {"t": samples}, model_args=model_args)
    results = json.loads(path.read_text(encoding="utf-8"))
    results["config"]["model"] = adapter
    path.write_text(json.dumps(results), encoding="utf-8")
    return path


def run(adapter: str) -> RunFolder:
    return RunFolder(Path("x_results.json"), {"config": {"model": adapter}})


def test_only_the_one_adapter_is_of_vllm() -> None:
    kinds = {name: backend_of(name) for name in preset_names()}
    assert {name for name, kind in kinds.items() if kind == "vllm"} == {"vllm_bapa"}
    assert (checkpoint_option("vllm_bapa"), checkpoint_option("llava_bapa")) == (
        "model",
        "pretrained",
    )
    assert backend_of("llava_hf") is None


def test_the_model_and_the_setting_of_a_run(tmp_path: Path) -> None:
    found = read_run(made_by(tmp_path, "vllm_bapa", ARGUMENTS))
    assert (found.model, found.label) == ("micro-llava", "agci_lambda=0.3")
    # Of another adapter, an option of that name may be anything.
    other = read_run(made_by(tmp_path / "other", "hf_bapa", "pretrained=a/b,model=c"))
    assert other.model == "a/b"


def test_a_run_without_a_manifest_is_given_again(tmp_path: Path) -> None:
    record = record_of(read_run(made_by(tmp_path, "VLLMBapa", ARGUMENTS)))
    assert record.adapter == "vllm_bapa"
    assert record.loading == {"model": "micro-llava", "max_model_len": 512}
    assert record.settings == {"agci_lambda": 0.3}
    assert record.manifest.model == ModelFacts(pretrained="micro-llava", backend="vllm")
    lost = read_run(made_by(tmp_path / "lost", "vllm_bapa", "pretrained=micro-llava"))
    with pytest.raises(UsageError, match="which model it was: no model"):
        record_of(lost)


def test_code_of_a_repository_is_not_run_for_a_record(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="from the repository of a/b"):
        check_trust(tmp_path, [{"model": "a/b", "trust_remote_code": True}])


def test_a_heat_map_is_titled_with_the_model(tmp_path: Path) -> None:
    made_by(tmp_path, "vllm_bapa", ARGUMENTS)
    ((panel,),) = figure_rows(read_runs([tmp_path])[0])
    assert "micro-llava, max_model_len=512" in panel.title.replace("\n", " ")
    assert " model=" not in panel.title.replace("\n", " ")


def test_a_comparison_tells_of_two_back_ends() -> None:
    (told,) = remarks(run("vllm_bapa"), run("hf_bapa"))
    assert "vllm and transformers" in told
    assert remarks(run("llava_bapa"), run("hf_bapa")) == []
    assert remarks(run("vllm"), run("hf_bapa")) == []  # of the harness: not known


def test_two_manifests_differ_in_their_back_ends() -> None:
    def of(**facts: object) -> Manifest:
        model = ModelFacts.model_validate({"pretrained": "x", **facts})
        return Manifest(kind="setting", date="", model_args="", model=model, asked=[])

    assert differences(of(), of(backend="vllm")) == ["model backend: transformers and now vllm"]
    # What an engine that never started could not tell is no difference.
    assert differences(of(engine={"a": "1", "b": "2"}), of(engine={"a": "1"})) == []
    assert differences(of(engine={"a": "1"}), of()) == []
    assert differences(of(engine={"a": "1"}), of(engine={"a": "2"})) == ["engine a: 1 and now 2"]


def test_the_version_of_vllm_is_told_of_what_it_ran() -> None:
    assert "vllm" not in versions()
    assert "vllm" not in versions("transformers")
    assert "vllm" in versions("vllm")


def test_verify_is_for_models_of_transformers() -> None:
    with pytest.raises(UsageError, match="--adapter vllm_bapa: is of vllm"):
        load_subject("micro-llava", "vllm_bapa", {})


def test_a_calibration_tries_by_itself_only_what_the_back_end_can_have() -> None:
    settings = settings_of(parse_grid(default_grid("vllm_bapa")), {})
    for setting in settings:
        check(build_interventions(setting.options))
    assert len(settings) == 6
    assert len(settings_of(parse_grid(default_grid("hf_bapa")), {})) > 6
