from __future__ import annotations

import getpass
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lmms_bapa.embedded import embedded_path
from lmms_bapa.errors import UsageError
from lmms_bapa.probes.questions import GENERATOR_VERSION
from lmms_bapa.provenance import manifest
from lmms_bapa.provenance.manifest_format import (
    Manifest,
    ModelFacts,
    Outcome,
    TaskFacts,
    differences,
    label,
)
from tests.harness_runs import TASK, adapter, evaluate


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def a_manifest(**changes: Any) -> Manifest:
    facts: dict[str, Any] = {
        "kind": "setting",
        "date": "2026-01-01T00:00:00+00:00",
        "versions": {"torch": "2.9", "peft": None},
        "model_args": "pretrained=m",
        "model": ModelFacts(pretrained="m", weights_sha256="a" * 64),
        "asked": ["t"],
        "tasks": {"t": TaskFacts(version=1.0, metadata={"generator": "1.0"})},
        "limit": 18,
        "seeds": {"torch_seed": 1234},
        "outcomes": {"off": Outcome(answers=18, answers_sha256="b" * 64, seconds=2.0)},
    }
    return Manifest(**facts | changes)


# --- the file -----------------------------------------------------------------------------------


def test_written_and_read_again(tmp_path: Path) -> None:
    wanted = a_manifest(gen_kwargs={"max_new_tokens": 3}, include="ä")
    path = manifest.write_manifest(tmp_path, wanted)
    assert path.name == "manifest.json"
    assert manifest.read_manifest(tmp_path) == wanted
    assert manifest.read_manifest(tmp_path / "none") is None


def test_a_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest.write_manifest(tmp_path, a_manifest(limit=1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        manifest.write_manifest(tmp_path, a_manifest(limit=2))
    kept = manifest.read_manifest(tmp_path)
    assert kept is not None
    assert kept.limit == 1
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a manifest"),
        ('{"kind": "setting"}', "not a manifest"),
        (a_manifest(schema_version=99).model_dump_json(), "install a newer lmms-bapa"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match=said) as error:
        manifest.read_manifest(tmp_path)
    assert "\n" not in str(error.value)


# --- differences --------------------------------------------------------------------------------


def test_differences_are_named() -> None:
    first = a_manifest()
    second = a_manifest(
        versions={"torch": "2.10", "peft": "0.15"},
        model=ModelFacts(pretrained="m", weights_sha256="c" * 64, dtype="bfloat16"),
        tasks={"t": TaskFacts(version=1.0, metadata={"generator": "2.0"})},
        seeds={"torch_seed": 1},
    )
    assert differences(first, second) == [
        "torch: 2.9 and now 2.10",
        "model weights_sha256: aaaaaaaaaaaa... and now cccccccccccc...",
        "t metadata: {'generator': '1.0'} and now {'generator': '2.0'}",
        "torch_seed: 1234 and now 1",
    ]
    assert differences(first, first) == []


def test_another_commit_of_the_same_sources_is_no_difference() -> None:
    first = a_manifest(commit="a" * 40, dirty=False, sources_sha256="0" * 64)
    second = a_manifest(commit="b" * 40, dirty=True, sources_sha256="0" * 64)
    assert differences(first, second) == []
    changed = second.model_copy(update={"sources_sha256": "1" * 64})
    assert differences(first, changed) == [
        "sources_sha256: 000000000000... and now 111111111111..."
    ]
    unknown = second.model_copy(update={"sources_sha256": None, "dirty": False})
    assert differences(first, unknown) == [f"commit: {'a' * 40} and now {'b' * 40}"]


def test_a_sweep_has_all_outcomes_and_says_what_is_mixed() -> None:
    on = Outcome(settings={"bapa": "true"}, answers=18, seconds=3.0)
    parts = [a_manifest(), a_manifest(versions={"torch": "2.10"}, outcomes={"bapa=true": on})]
    whole = manifest.combine(parts, "pretrained=m")
    assert (whole.kind, list(whole.outcomes), whole.seconds) == ("sweep", ["off", "bapa=true"], 5.0)
    assert whole.mixed == ["torch: 2.9 and now 2.10"]
    unknown = a_manifest(outcomes={"x": Outcome()})
    assert manifest.combine([parts[0], unknown]).seconds is None


def test_labels_are_in_the_order_of_names() -> None:
    assert label({}) == "off"
    assert label({"bapa": "true", "agci_lambda": "0.3"}) == "agci_lambda=0.3,bapa=true"


# --- of a run -----------------------------------------------------------------------------------


def test_gathered_from_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path.home() / "bin/lmms-bapa"), "sweep"])
    model = adapter(batch_size=9, bapa=True)
    model.keep_loaded = True
    results = evaluate(model, [TASK], limit=18, log_samples=True)
    found = manifest.gather(
        model,
        results,
        results["samples"],
        settings={"bapa": True},
        model_args="pretrained=micro-llava,bapa=true",
        seconds=1.5,
    )
    source = embedded_path("micro-llava")
    assert source is not None
    weights = sha((source / "model.safetensors").read_bytes())
    assert found.model.weights_sha256 == sha(f"{weights}  model.safetensors\n".encode())
    template = (source / "chat_template.jinja").read_bytes()
    assert found.model.chat_template_sha256 == sha(template)
    assert (found.model.dtype, found.model.device) == ("float32", "cpu")
    assert found.model.threads == torch.get_num_threads()
    assert (found.adapter, found.batch_size, found.processes) == ("hf_bapa", 9, 1)
    assert (found.limit, found.asked) == (18, [TASK])
    assert found.tasks[TASK].metadata["generator"] == GENERATOR_VERSION
    assert found.tasks[TASK].documents == {"original": 900, "effective": 18}
    assert found.seeds["torch_seed"] == 1234
    assert found.commit is None or len(found.commit) == 40
    outcome = found.outcomes["bapa=true"]
    assert (outcome.settings, outcome.answers) == ({"bapa": "true"}, 18)
    given = [[TASK, s["doc_id"], s["filtered_resps"][0]] for s in results["samples"][TASK]]
    assert outcome.answers_sha256 == sha(json.dumps(sorted(given)).encode())
    text = found.model_dump_json()
    assert str(Path.home()) not in text
    assert f'"{getpass.getuser()}"' not in text
