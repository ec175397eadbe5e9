"""Both model runners of vLLM, also where the memory for keys and values does not suffice.

On a CPU vLLM takes the first one, on GPUs the second. A request that is preempted loses what was
computed of it, and is computed again later, with the tokens of its reply as far as there are some.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from vllm.v1.core.sched.scheduler import Scheduler

from . import interpreted
from .checkpoints import FAMILIES
from .engines import engine
from .environment import ROOT
from .parity import SETTINGS, compared
from .questions import QUESTIONS, TIGHT, Answer, Question
from .reference import Reference

BLOCK = 32
# Room for the prompts of TIGHT, a block each, and for one reply that needs another block; vLLM
# keeps one block for itself.
TOO_LITTLE = dict(num_gpu_blocks_override=2 + len(TIGHT), block_size=BLOCK, max_model_len=128)
CHUNKS = dict(block_size=BLOCK, max_num_batched_tokens=BLOCK)
BOTH = SETTINGS["both"]


def check(folder: Path, questions: Sequence[Question], found: Sequence[Answer]) -> None:
    """Compares with transformers."""
    for case in compared(Reference(folder), BOTH, questions, found):
        case.check(is_on=True)


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_a_preempted_request_goes_on_where_it_was(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Scheduler._preempt_request
    replies: list[int] = []

    def noted(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        replies.append(len(request.output_token_ids))
        return stock(self, request, *args, **kwargs)

    monkeypatch.setattr(Scheduler, "_preempt_request", noted)
    folder = FAMILIES[family].save(tmp_path)
    with engine(folder, *BOTH, **TOO_LITTLE) as running:
        found = running.answers(TIGHT)
    assert any(replies)
    check(folder, TIGHT, found)


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.parametrize(
    ("family", "questions", "arguments"),
    [
        ("llava", "QUESTIONS", CHUNKS),
        ("llava", "TIGHT", TOO_LITTLE),
        ("qwen2_5_vl", "QUESTIONS", CHUNKS),
    ],
)
def test_the_runner_of_gpus(
    family: str, questions: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    folder = FAMILIES[family].save(tmp_path / "checkpoint")
    file = tmp_path / "answers.pt"
    words = [str(folder), "both", str(file), json.dumps(arguments), questions]
    done = subprocess.run(
        [sys.executable, "-m", "tests.vllm.ask", *words],
        env=os.environ | interpreted.VARIABLES,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    asked = {"QUESTIONS": QUESTIONS, "TIGHT": TIGHT}[questions]
    check(folder, asked, [Answer(*answer) for answer in torch.load(file)])
