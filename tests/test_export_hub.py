"""The exporters for the model hub: a score with an intervention is never the model's own."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml

from lmms_bapa.errors import UsageError
from lmms_bapa.export.naming import check_note, phrase
from lmms_bapa.export.source import open_source
from lmms_bapa.interventions import AGCI, AutoAGCI, BaPA, DepthAGCI, Intervention
from lmms_bapa.results.folders import read_run

from .export_runs import export, write_benchmark
from .result_folders import plain_samples, shift_samples, write_run

AGCI_3, BOTH = "agci_lambda=0.3", "agci_lambda=0.3,bapa=true"
HAS_FORMAT = hasattr(huggingface_hub, "EvalResultEntry")
needs_format = pytest.mark.skipif(not HAS_FORMAT, reason="huggingface_hub is older than 1.4")
NOTE = "note=Ours, with {intervention}"
PROBE = "spatial_probe_lite"


def parse(text: str) -> list[Any]:
    """The entries of a file, as the hub's own library reads them."""
    found: list[Any] = huggingface_hub.parse_eval_result_entries(yaml.safe_load(text))
    return found


def write_shifted(folder: Path, **shift: Any) -> Path:
    """A run of a shifted task."""
    verdicts = {n: {"original": 1.0, "r1c1": 0.0, "r1c2": float(n % 2)} for n in range(4)}
    values = {"exact_match_original,none": 0.75, "flip_rate,none": 0.5, "exact_match_mean,none": 0}
    metrics = {"exact_match_original": True, "flip_rate": False, "exact_match_mean": True}
    write_run(
        folder,
        {"mmbench_shift": shift_samples(verdicts)},
        "pretrained=lab/model",
        config={"dataset_path": "lmms-lab/MMBench", "dataset_name": "en"}
        | {"metadata": {"base": "mmbench", "shift": {"layout": "grid", **shift}}},
        results={"mmbench_shift": values},
        higher_is_better={"mmbench_shift": metrics},
    )
    return folder


# --- the note -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "active"),
    [
        ("AGCI 0.3", [AGCI(0.3)]),
        ("with agci_lambda=0.30 throughout", [AGCI(0.3)]),
        ("BaPA at strength 1 (n = 900) and agci λ=0.3", [AGCI(0.3), BaPA()]),
        ("bapa strength 0.5, anchor center", [BaPA(0.5, "center")]),
        ("agci_lambda=auto", [AutoAGCI()]),
        ("AutoAGCI", [AutoAGCI()]),
        ("AGCI 1e-3, scope call", [AGCI(0.001, "call")]),
        ("DepthAGCI 0.3 over 2 layers", [DepthAGCI(0.3, 2)]),
        ("{intervention}", [AGCI(1 / 3), BaPA(0.25, 0.75)]),
        ("BaPA 1, without AGCI", [BaPA()]),
        ("no-tools AGCI 0.3", [AGCI(0.3)]),
        ("greedy decoding, no BaPA", []),
        (None, []),
    ],
)
def test_a_note_that_names_what_was_in_force(note: str | None, active: list[Intervention]) -> None:
    filled = check_note(note, active, "x")
    assert filled == (note or "").replace("{intervention}", phrase(active))


@pytest.mark.parametrize(
    ("note", "active", "problem"),
    [
        (None, [AGCI(0.3)], "missing"),
        ("no-tools", [AGCI(0.3)], "AGCI"),
        ("AGCI", [AGCI(0.3)], "AGCI lambda=0.3"),
        ("AGCI 0.5", [AGCI(0.3)], "AGCI lambda=0.3"),
        ("magci 0.3", [AGCI(0.3)], "AGCI"),
        ("AGCI 0.3", [AGCI(0.3), BaPA()], "BaPA"),
        # Numbers of one are not those of the other.
        ("AGCI 1, BaPA 0.3", [AGCI(0.3), BaPA()], "AGCI lambda=0.3"),
        ("BaPA 1", [BaPA(1.0, "center")], "BaPA anchor=center"),
        ("AGCI 0.3 and BaPA 1", [AGCI(0.3)], "names BaPA"),
        ("AGCI 0.3", [DepthAGCI(0.3, 2)], "DepthAGCI"),
        ("AGCI 0.3", [AutoAGCI()], "AutoAGCI"),
        ("BaPA 1", [], "names BaPA"),
        ("without AGCI 0.3", [AGCI(0.3)], "AGCI"),
        ("BaPA 1, not AGCI 0.3", [AGCI(0.3), BaPA()], "AGCI"),
    ],
)
def test_a_note_that_does_not(note: str | None, active: list[Intervention], problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        check_note(note, active, "x")
    ready = re.search(r"note='(.*)'$", str(error.value))
    if active:  # what is shown to be pasted is taken
        assert ready is not None
        assert check_note(ready[1], active, "x") == ready[1]


# --- .eval_results ------------------------------------------------------------------------------


@needs_format
def test_files_carry_the_harness_s_own_value(tmp_path: Path) -> None:
    values = {"off": 87.25, AGCI_3: 0.8731234567890123, BOTH: 12.5}
    source = open_source(write_benchmark(tmp_path, values))
    files = export("hf-eval-results", source, NOTE)
    assert list(files) == [
        f".eval_results/lmms-eval_{label}.yaml" for label in ("off", AGCI_3, BOTH)
    ]
    for label, text in zip(values, files.values(), strict=True):
        (entry,) = parse(text)
        assert entry.value == values[label]
        assert (entry.dataset_id, entry.task_id) == ("lmms-lab/POPE", "default")
        # The harness's clock is Singapore's: eight hours before UTC's.
        assert entry.date == "2026-01-01T19:04:05Z"
        assert "metric pope_accuracy" in str(entry.notes)
        assert ("AGCI lambda=0.3" in text) == (label != "off")
        assert ("BaPA strength=1" in text) == (label == BOTH)
    assert any("Not checked" in note for note in source.notes)


@needs_format
def test_a_file_without_a_note_is_the_stock_model_s_only(tmp_path: Path) -> None:
    source = open_source(write_benchmark(tmp_path, {"off": 0.5, AGCI_3: 0.6}))
    with pytest.raises(UsageError, match=r"AGCI lambda=0\.3"):
        export("hf-eval-results", source)
    both = export("hf-eval-results", source, "note=AGCI 0.3")  # which is about the other one
    assert [text.count("AGCI 0.3") for text in both.values()] == [0, 1]
    off = open_source(tmp_path, ["off"])
    (text,) = export("hf-eval-results", off).values()
    (entry,) = yaml.safe_load(text)
    assert entry["notes"].startswith("stock model")


@needs_format
def test_options_of_one_entry(tmp_path: Path) -> None:
    source = open_source(write_benchmark(tmp_path, {"off": 0.5}, dataset_name="full"))
    given = ("dataset=me/board", "task_id=t1", "metric=pope_yes", "url=https://x.org/run")
    (text,) = export("hf-eval-results", source, *given).values()
    (entry,) = parse(text)
    assert (entry.dataset_id, entry.task_id, entry.value) == ("me/board", "t1", 0.5)
    assert entry.source_url == "https://x.org/run"
    (text,) = export("hf-eval-results", source).values()
    assert yaml.safe_load(text)[0]["dataset"]["task_id"] == "full"


@needs_format
def test_of_a_shifted_task_only_the_unshifted_pictures(tmp_path: Path) -> None:
    source = open_source(write_shifted(tmp_path / "a"))
    (text,) = export("hf-eval-results", source).values()
    (entry,) = yaml.safe_load(text)
    assert entry["value"] == 0.75
    assert "unshifted" in entry["notes"]
    with pytest.raises(UsageError, match="unshifted pictures"):
        export("hf-eval-results", source, "metric=exact_match_mean")
    part = open_source(write_shifted(tmp_path / "b", documents=2))
    with pytest.raises(UsageError, match="shows 2 documents"):
        export("hf-eval-results", part)


@needs_format
def test_refusals(tmp_path: Path) -> None:
    probe = write_run(tmp_path / "probe", {PROBE: plain_samples([1.0, 0.0])})
    with pytest.raises(UsageError, match="no benchmark of the hub"):
        export("hf-eval-results", open_source(probe))
    # Ours, though its pictures are of the hub: it is not the whole benchmark.
    own = write_run(
        tmp_path / "own",
        {"cv_bench_2d_relation": plain_samples([1.0])},
        config={"dataset_path": "a/b"},
    )
    with pytest.raises(UsageError, match="no benchmark of the hub"):
        export("hf-eval-results", open_source(own))
    part = write_benchmark(tmp_path / "part", {"off": 0.5})
    file = read_run(part).results_file
    content = json.loads(file.read_text())
    content["n-samples"]["pope"]["original"] = 9000
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="4 of 9000 questions"):
        export("hf-eval-results", open_source(part))
    nothing = write_benchmark(tmp_path / "nan", {"off": math.nan})
    with pytest.raises(UsageError, match="pope_accuracy is nan"):  # and not the next metric's value
        export("hf-eval-results", open_source(nothing))
    with pytest.raises(UsageError, match="no metric pope_acc; there is pope_accuracy, pope_yes"):
        export("hf-eval-results", open_source(nothing), "metric=pope_acc")
    write_benchmark(tmp_path / "two" / "a", {"off": 0.5})
    write_benchmark(tmp_path / "two" / "b", {"off": 0.6}, task="pope_full")
    with pytest.raises(UsageError, match=r"pope and pope_full are both default"):
        export("hf-eval-results", open_source(tmp_path / "two"))
    with pytest.raises(UsageError, match="of one task"):
        export("hf-eval-results", open_source(tmp_path / "two"), "dataset=a/b")


def test_an_older_huggingface_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(write_benchmark(tmp_path, {"off": 0.5}))
    monkeypatch.delitem(vars(huggingface_hub), "EvalResultEntry", raising=False)
    monkeypatch.setattr(huggingface_hub, "__getattr__", _no_such_name)
    with pytest.raises(UsageError, match=r"huggingface_hub 1\.4"):
        export("hf-eval-results", source)


def _no_such_name(name: str) -> Any:
    raise AttributeError(name)
