"""Two processes give the answers and figures of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa

from .benchmarks_like import write
from .benchmarks_like.runs import isolated, manager
from .harness_runs import evaluate, replies


@pytest.mark.parametrize(
    ("task", "questions"), [("spatial_probe_lite", 90), ("crpe_relation_shift", 70)]
)
def test_two_processes_give_the_answers_and_figures_of_one(
    task: str, questions: int, tmp_path: Path
) -> None:
    options = {"pretrained": "micro-llava", "bapa": True, "agci_lambda": 0.3, "device": "cpu"}
    write("crpe_relation", tmp_path)
    with isolated(tmp_path):
        single = evaluate(
            HFBapa(**options, batch_size=7),
            [task],
            limit=questions,
            manager=manager("crpe_relation"),
        )

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "-m", "lmms_eval", "--model", "llava_bapa"]
    command += ["--model_args", ",".join(f"{k}={v}" for k, v in options.items())]
    command += ["--tasks", task, "--limit", str(questions), "--batch_size", "7"]
    command += ["--log_samples", "--output_path", str(tmp_path / "out")]
    surroundings = os.environ | {
        "ACCELERATE_USE_CPU": "1",
        "OMP_NUM_THREADS": "1",
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]

    (saved,) = tmp_path.rglob("*_results.json")
    double = json.loads(saved.read_text(encoding="utf-8"))["results"][task]
    (log,) = tmp_path.rglob("*_samples_*.jsonl")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {line["doc_id"]: line["filtered_resps"] for line in lines} == replies(single, task)
    order = [line["doc_id"] for line in lines]
    assert order == [*range(0, questions, 2), *range(1, questions, 2)]  # two took part
    for name, figure in single["results"][task].items():
        if "_stderr" in name:
            if isinstance(figure, float):  # the harness sums these in the order of arrival
                assert double[name] == pytest.approx(figure, rel=1e-12, nan_ok=True)
        else:
            assert json.loads(json.dumps(figure, default=str)) == double[name]


def test_the_rank_is_the_global_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process of the second host is number 3, not number 1."""

    class Hosts:
        num_processes, process_index, local_process_index = 4, 3, 1

        def __init__(self) -> None:
            import torch

            self.device = torch.device("cpu")

    monkeypatch.setattr("lmms_bapa.harness.adapter.Accelerator", Hosts)
    model = HFBapa(pretrained="micro-llava")
    assert (model.rank, model.world_size) == (3, 4)


def test_an_automatic_device_map_in_several_processes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Two:
        num_processes, process_index = 2, 0

    monkeypatch.setattr("lmms_bapa.harness.adapter.Accelerator", Two)
    with pytest.raises(UsageError, match="device_map is for one process"):
        HFBapa(pretrained="micro-llava", device_map="auto")
