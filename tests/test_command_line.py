"""What a user types and what a user sees: output, exit status, files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
from lmms_eval.tasks import TaskManager
from lmms_eval.utils import simple_parse_args_string
from PIL import Image

from lmms_bapa import __version__
from lmms_bapa.harness import command_line as checks
from lmms_bapa.harness.discovery import register_tasks
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.resources import folder

from .harness_runs import Puppet, command_line, lmms_eval

BASE = "pretrained=micro-llava,device=cpu"
PROBE = ["--tasks", "spatial_probe_lite", "--limit", "18"]


def save_mmbench_standin(place: Path) -> None:
    """Six questions in MMBench's schema, and the YAML that puts them under its own task."""
    from lmms_eval import tasks

    rows = [
        {
            "index": i,
            "question": "Which picture is in the image?",
            "hint": "",
            "answer": "AB"[i % 2],
            "A": "red star",
            "B": "blue fish",
            "C": "green key",
            "D": "black cup",
            "category": "object_localization",
            "L2-category": "finegrained_perception",
            "source": "standin",
            "split": "dev",
            "image": Image.new("RGB", (60 + i, 50), "red"),
        }
        for i in range(6)
    ]
    features = datasets.Features(
        {k: datasets.Value("int64" if k == "index" else "string") for k in rows[0] if k != "image"}
        | {"image": datasets.Image()}
    )
    datasets.Dataset.from_list(rows, features=features).to_parquet(place / "dev.parquet")
    stock = Path(tasks.__file__).parent / "mmbench" / "mmbench_en_dev_static.yaml"
    (place / "mmbench_standin.yaml").write_text(
        f"include: {stock}\ntask: mmbench_standin\ndataset_path: parquet\ndataset_name: null\n"
        "dataset_kwargs: {data_files: {dev: dev.parquet}}\n"
    )


def test_the_probe_and_a_standard_benchmark_run_together(tmp_path: Path) -> None:
    save_mmbench_standin(tmp_path)
    done = lmms_eval(
        "--model", "llava_bapa",
        "--model_args", f"{BASE},bapa=true,agci_lambda=0.3",
        "--tasks", "spatial_probe_lite,mmbench_standin",
        "--include_path", str(tmp_path),
        "--batch_size", "8",
        "--limit", "18",
        "--output_path", str(tmp_path / "out"),
        "--log_samples",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    log = done.stdout + done.stderr
    assert f"lmms-bapa {__version__}: micro-llava (llava, float32, cpu, batch 8): AGCI(" in log
    assert "micro-llava does not know" in log
    (found,) = (tmp_path / "out" / "micro-llava").glob("*_results.json")
    results = json.loads(found.read_text())
    assert set(results["results"]) == {"spatial_probe_lite", "mmbench_standin"}
    assert results["config"]["model_args"] == f"{BASE},bapa=true,agci_lambda=0.3"
    assert results["n-samples"]["mmbench_standin"]["effective"] == 6
    probe = results["results"]["spatial_probe_lite"]
    assert 0.5 < probe["balanced_accuracy,none"] <= 1
    (samples,) = (tmp_path / "out").rglob("*_samples_spatial_probe_lite.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert sorted(line["cell"] for line in lines) == sorted(list(range(9)) * 2)


def test_the_users_own_command_resolves_both_names_and_starts(tmp_path: Path) -> None:
    """MMBench itself lives on the hub; without it the run gets as far as its data."""
    done = lmms_eval(
        "--model", "llava_bapa", "--model_args", BASE, "--tasks", "spatial_probe,mmbench",
        cwd=tmp_path,
    )  # fmt: skip
    log = done.stdout + done.stderr
    assert "Selected Tasks: ['mmbench', 'spatial_probe']" in log
    assert "no intervention, the stock model" in log
    assert "MMBench" in log


def test_a_users_mistake_is_one_line_and_a_status(tmp_path: Path) -> None:
    done = lmms_eval(
        "--model", "llava_bapa", "--model_args", f"{BASE},agci_lambda=nan", *PROBE, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "lmms-bapa: error: AGCI: lambda must be a number >= 0, got nan" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


BAD_ARGUMENTS = [
    ("agci_lamda=0.3", "unknown model_args key 'agci_lamda': did you mean agci_lambda?"),
    ("agci_lambda=nan", "AGCI: lambda must be a number >= 0, got nan"),
    ("agci_lambda=inf", "AGCI: lambda must be a number >= 0, got inf"),
    ("agci_lambda=-0.5", "AGCI: lambda must be a number >= 0, got -0.5"),
    ("agci_lambda=much", "AGCI: lambda must be a number >= 0, got 'much'"),
    ("bapa=true,bapa_strength=2", "BaPA: strength must be a number in [0, 1], got 2"),
    ("pretrained=micro-lava", "pretrained=micro-lava: unknown model: did you mean micro-llava?"),
    ("pretrained=/no/such/folder", "pretrained=/no/such/folder: no such folder"),
    ("pretrained=micro-llava,device=cuda:9", "device=cuda:9: not available here"),
    ("device=cpu", "--model_args: device is given twice: leave one out"),
]


def run_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str
) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as stopped:
        command_line(monkeypatch, *arguments)
    return stopped.value.code, capfd.readouterr().err


@pytest.mark.parametrize(("wrong", "line"), BAD_ARGUMENTS)
def test_bad_model_args(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], wrong: str, line: str
) -> None:
    args = wrong if wrong.startswith("pretrained") else f"{BASE},{wrong}"
    status, err = run_here(
        monkeypatch, capfd, "--model", "llava_bapa", "--model_args", args, *PROBE
    )
    assert status == 2
    ours = [text for text in err.splitlines() if text.startswith("lmms-bapa: error:")]
    assert len(ours) == 1
    assert ours[0].startswith(f"lmms-bapa: error: {line}")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("llava_bpaa", "unknown model 'llava_bpaa': did you mean llava_bapa?"),
        ("blip_bapa", f"unknown model 'blip_bapa': there are {', '.join(preset_names())}"),
    ],
)
def test_a_misspelt_adapter(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, line: str
) -> None:
    status, err = run_here(monkeypatch, capfd, "--model", name, "--model_args", BASE, *PROBE)
    assert (status, err.splitlines()[-1]) == (2, f"lmms-bapa: error: {line}")


def test_an_architecture_that_cannot_be_steered(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "florence2"}')
    args = f"pretrained={tmp_path},bapa=true"
    status, err = run_here(monkeypatch, capfd, "--model", "hf_bapa", "--model_args", args, *PROBE)
    assert status == 2
    assert "lmms-bapa: error: florence2: encoder-decoder, its image tokens never enter" in err


@pytest.mark.parametrize(
    ("kwargs", "line"),
    [
        ("{rows: 5, groups: 1}", "micro-llava knows 3 x 3 grids only, not 5 x 5"),
        ("{objects: all, groups: 50}", "is not in the vocabulary of micro-llava"),
        ("{group: 5}", "unknown option 'group': did you mean groups?"),
    ],
)
def test_questions_that_the_embedded_model_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    kwargs: str,
    line: str,
) -> None:
    template = folder("tasks") / "spatial_probe" / "_spatial_probe_yaml"
    (tmp_path / "mine.yaml").write_text(
        f"include: {template}\ntask: mine\ndataset_kwargs: {kwargs}\n"
    )
    status, err = run_here(
        monkeypatch, capfd, "--model", "hf_bapa", "--model_args", BASE, "--tasks", "mine",
        "--include_path", str(tmp_path),
    )  # fmt: skip
    assert status == 2
    assert line in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "text", ["temperature=0,top_k=0,top_p=0", "do_sample=true,temperature=0.7", "do_sample=false"]
)
def test_generation_arguments_that_the_harness_takes(text: str) -> None:
    """The first is the example of its own help."""
    assert check_generation(text) == simple_parse_args_string(text)


def test_a_mistake_in_a_later_evaluation_is_told_before_the_first(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first = {"model": "hf_bapa", "model_args": BASE, "tasks": "spatial_probe_lite", "limit": 1,
             "output_path": str(tmp_path / "out")}  # fmt: skip
    evaluations = [first, {**first, "model_args": f"{BASE},agci_lamda=1"}]
    (tmp_path / "two.yaml").write_text(json.dumps(evaluations))
    status, err = run_here(monkeypatch, capfd, "--config", str(tmp_path / "two.yaml"))
    assert (status, err.count("did you mean agci_lambda?")) == (2, 1)
    assert not (tmp_path / "out").exists()
    (tmp_path / "two.yaml").write_text(json.dumps([{**first, "model_args": {"bapa": True}}]))
    status, err = run_here(monkeypatch, capfd, "--config", str(tmp_path / "two.yaml"))
    assert (status, "model_args in --config: should be text" in err) == (2, True)


@pytest.mark.parametrize("model", ["dummy", "hf_bapa"])
def test_errors_with_other_models_are_left_to_the_harness(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    model: str,
) -> None:
    """So are those with ours, if a later harness should name its options otherwise."""
    monkeypatch.setattr(checks, "_READ", {"an option that there is not"})
    (tmp_path / "own.yaml").write_text("task: own\noutput_type: nonsense\n")
    command_line(
        monkeypatch, "--model", model, "--model_args", BASE if model == "hf_bapa" else "",
        "--tasks", "own", "--include_path", str(tmp_path),
    )  # fmt: skip
    done = capfd.readouterr()
    assert "Error during evaluation" in done.out
    assert "lmms-bapa: error" not in done.err


def test_an_adapter_of_somebody_elses_code_is_no_misspelt_name() -> None:
    register_tasks()
    manager = TaskManager(include_defaults=False, model_name=Puppet(lambda _: "Yes"))
    assert "spatial_probe_lite" in manager.all_tasks


def test_a_failing_generation_stops_the_run_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from transformers import LlavaForConditionalGeneration

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(LlavaForConditionalGeneration, "generate", fail)
    status, err = run_here(
        monkeypatch, capfd, "--model", "hf_bapa", "--model_args", BASE, *PROBE,
        "--output_path", str(tmp_path),
    )  # fmt: skip
    assert status == 1
    assert "generation failed on spatial_probe_lite, documents 0 to 0: the disk is on fire" in err
    assert not list(tmp_path.rglob("*results*"))


def test_in_python_code_failures_stay_exceptions() -> None:
    import lmms_eval.__main__  # noqa: F401  (importing the command line is not running it)

    with pytest.raises(KeyError), visible_failures():
        raise KeyError


def test_listing_the_models_is_light_and_names_ours(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c",
         "import sys, lmms_eval.models as m; print(m.list_available_models());"
         "heavy = ('torch', 'transformers', 'datasets', 'lmms_eval.tasks');"
         "print([x for x in heavy if x in sys.modules])"],
        capture_output=True, text=True, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    names, heavy = done.stdout.strip().splitlines()[-2:]
    assert "'hf_bapa'" in names
    assert "'llava_bapa'" in names
    assert heavy == "[]"
    listed = subprocess.run(
        [str(Path(sys.executable).with_name("lmms-eval")), "models"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "llava_bapa" in listed.stdout


def test_a_broken_installation_warns_and_leaves_the_harness_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lmms_bapa.harness.entry_point import manifests

    def missing(_: str) -> Path:
        raise FileNotFoundError("lmms-bapa was installed without its model_configs/ folder")

    monkeypatch.setattr("lmms_bapa.harness.presets.folder", missing)
    with pytest.warns(UserWarning, match="could not register with lmms-eval"):
        assert manifests() == []


# Our own command.


def test_results_that_cannot_be_saved_are_an_error(tmp_path: Path) -> None:
    """The harness itself would only warn, and lose them."""
    from lmms_eval.tasks import TaskManager

    from lmms_bapa.harness.adapter import HFBapa
    from lmms_bapa.harness.evaluate import evaluate_setting

    (tmp_path / "file").write_text("in the way")
    adapter = HFBapa(pretrained="micro-llava", batch_size=18)
    manager = TaskManager(include_defaults=False)
    with pytest.raises(OSError, match=r"could not save .*_results\.json"):
        evaluate_setting(adapter, {}, ["spatial_probe_lite"], manager, tmp_path / "file", 18)
