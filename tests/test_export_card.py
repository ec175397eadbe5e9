"""The exporter ``model-card``: each setting is another model, and its examples run."""

from __future__ import annotations

import ast
import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from lmms_bapa.errors import UsageError
from lmms_bapa.export.source import Source, open_source
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.provenance.manifest_format import Manifest, ModelFacts
from lmms_bapa.results.folders import read_run

from .export_runs import export, write_benchmark
from .harness_runs import command_line
from .result_folders import noisy, plain_samples, probe_samples, write_run

PROBE, BOTH = "spatial_probe_lite", "agci_lambda=0.3,bapa=true"


def write_probe(folder: Path, model: str = "micro-llava") -> Path:
    """A small sweep of the probe."""
    for label, share in {"off": 0.6, BOTH: 0.95}.items():
        args = f"pretrained={model}" + (f",{label}" if label != "off" else "")
        samples = probe_samples(noisy(lambda _, share=share: share), groups=8)
        write_run(folder / label, {PROBE: samples}, args)
    return folder


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, dict[str, str]]:
    source = open_source(write_probe(tmp_path_factory.mktemp("sweep")))
    return source, export("model-card", source)


def test_each_setting_is_another_model(cards: tuple[Source, dict[str, str]]) -> None:
    source, files = cards
    assert set(files) == {
        f"{x}/{f}" for x in ("off", BOTH) for f in ("README_section.md", "metadata.yaml")
    }
    names = {}
    for run in source.runs:
        head = files[f"{run.label}/metadata.yaml"]
        card = ModelCard(f"---\n{head}---\n{files[f'{run.label}/README_section.md']}")
        names[run.label] = card.data.model_name
        found = {r.metric_type: r.metric_value for r in card.data.eval_results}
        figures = source.figures(run, PROBE)
        assert figures.places is not None
        assert found["accuracy"] == figures.score.value
        assert found["spread"] == figures.places.std.value
        for result in card.data.eval_results:
            assert not math.isnan(result.metric_value)
            assert ("AGCI (lambda = 0.3) + BaPA" in result.metric_name) == (run.label == BOTH)
        assert card.data.base_model == ("micro-llava" if run.label == BOTH else None)
    assert names == {"off": "micro-llava", BOTH: "micro-llava with AGCI (lambda = 0.3) + BaPA"}


def test_the_section_says_whose_scores_these_are(cards: tuple[Source, dict[str, str]]) -> None:
    source, files = cards
    steered = files[f"{BOTH}/README_section.md"]
    assert "not the scores of `micro-llava` itself" in steered
    assert "AGCI lambda=0.3, scope=image; BaPA strength=1, anchor=paper" in steered
    (row,) = re.findall(r"^\| accuracy, % \|(.*)\|$", steered, re.MULTILINE)
    stock, own, change = (cell.split()[0] for cell in row.split("|"))
    scores = [source.figures(run, PROBE).score.value for run in source.runs]
    assert [float(stock), float(own)] == pytest.approx([100 * s for s in scores], abs=0.051)
    assert float(change) == pytest.approx(100 * (scores[1] - scores[0]), abs=0.051)
    assert "Holm" not in steered  # there is one comparison only
    assert "better by" in steered
    assert "AGCI" not in files["off/README_section.md"]


def test_the_section_s_python_runs(
    cards: tuple[Source, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    source, files = cards
    for run in source.runs:
        code = re.findall(
            r"```python\n(.*?)```", files[f"{run.label}/README_section.md"], re.DOTALL
        )
        exec(compile(code[0], "README", "exec"), {})
        assert capsys.readouterr().out.strip()
        calls = [n for n in ast.walk(ast.parse(code[0])) if isinstance(n, ast.Call)]
        made = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "intervene"]
        shown = [_built(argument) for call in made for argument in call.args[1:]]
        assert tuple(shown) == source.interventions(run)


def _built(call: ast.expr) -> Any:
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    fields = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    return {"AGCI": AGCI, "BaPA": BaPA}[call.func.id](**fields)


def test_the_section_s_command_runs(
    cards: tuple[Source, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, files = cards
    text = files[f"{BOTH}/README_section.md"]
    (command,) = re.findall(r"```\n(lmms-eval .*)\n```", text)
    monkeypatch.chdir(tmp_path)
    command_line(monkeypatch, *shlex.split(command)[1:], "--limit", "2")
    again = read_run(tmp_path / "runs/again")
    assert (again.label, again.model, again.tasks) == (BOTH, "micro-llava", [PROBE])


def test_names_that_would_mislead(tmp_path: Path) -> None:
    hub = write_probe(tmp_path / "hub", "lab/model")
    steered = open_source(hub, [BOTH])
    for name in ("lab/model", "Model"):
        with pytest.raises(UsageError, match="name of the base model"):
            export("model-card", steered, f"model={name}")
    with pytest.raises(UsageError, match="each setting is another model"):
        export("model-card", open_source(hub), "model=mine")
    files = export("model-card", steered, "model=mine")
    assert yaml.safe_load(files[f"{BOTH}/metadata.yaml"])["base_model"] == "lab/model"
    local = open_source(write_probe(tmp_path / "local", "/home/somebody/models/tuned"))
    with pytest.raises(UsageError, match="base_model=owner/name"):
        export("model-card", local)
    files = export("model-card", local, "base_model=lab/model")
    assert not any("somebody" in text for text in files.values())


@pytest.mark.parametrize("commit", [None, "0123abc"])
def test_a_folder_that_looks_like_a_hub_id(tmp_path: Path, commit: str | None) -> None:
    """``models/tuned`` may be a folder here; a manifest has the commit of what is of the hub."""
    write_run(tmp_path / "s", {"t": plain_samples([1.0])}, "pretrained=models/tuned,bapa=true")
    facts = ModelFacts(pretrained="models/tuned", commit=commit)
    manifest = Manifest(kind="setting", date="", model_args="", model=facts, asked=["t"])
    (tmp_path / "s" / "manifest.json").write_text(manifest.model_dump_json())
    source = open_source(tmp_path)
    if commit is None:
        with pytest.raises(UsageError, match="base_model=owner/name"):
            export("model-card", source)
    else:
        files = export("model-card", source)
        (metadata,) = (text for path, text in files.items() if path.endswith("metadata.yaml"))
        assert yaml.safe_load(metadata)["base_model"] == "models/tuned"


def test_an_adapter_of_weights_is_no_base_model(tmp_path: Path) -> None:
    run = write_run(
        tmp_path, {"t": plain_samples([1.0, 0.0, 1.0])}, "pretrained=lab/model,peft=me/lora"
    )
    files = export("model-card", open_source(run))
    data = yaml.safe_load(files["off/metadata.yaml"])
    assert data["base_model"] == "lab/model"
    assert data["model-index"][0]["name"] == "me/lora"
    with pytest.raises(UsageError, match="name of the base model"):
        export("model-card", open_source(run), "model=lab/model")


def test_two_tasks_on_one_data_set_stay_two(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "a", {"off": 0.5})
    write_benchmark(tmp_path / "b", {"off": 0.6}, task="pope_full")
    files = export("model-card", open_source(tmp_path))
    results = ModelCard(f"---\n{files['off/metadata.yaml']}---\n").data.eval_results
    assert {r.dataset_name for r in results} == {"pope", "pope_full"}


def test_what_is_not_known_is_not_in_the_index(tmp_path: Path) -> None:
    samples = [s for s in probe_samples(noisy(lambda _: 0.7), groups=4) if s["answer"] == "Yes"]
    samples = [{**sample, "doc_id": i} for i, sample in enumerate(samples)]
    files = export("model-card", open_source(write_run(tmp_path, {PROBE: samples})))
    assert "nan" not in files["off/metadata.yaml"].lower()
    assert re.search(
        r"^\| balanced accuracy.*\| – \|$", files["off/README_section.md"], re.MULTILINE
    )
