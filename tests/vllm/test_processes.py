"""Engines in other processes than this one, and an environment that never had us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from .asking import ARGUMENTS, Engine
from .checkpoints import FAMILIES
from .engines import engine
from .environment import ROOT, without_engine_settings
from .parity import SETTINGS, compared
from .questions import QUESTIONS, Answer
from .reference import Reference

BOTH = SETTINGS["both"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES["llava"].save(tmp_path_factory.mktemp("llava"))


def ask(folder: Path, setting: str, environment: dict[str, str], **arguments: Any) -> list[Answer]:
    """The answers of an engine in another process."""
    file = folder / "answers.pt"
    file.unlink(missing_ok=True)
    place = [str(folder), setting, str(file), json.dumps(arguments)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.vllm.ask", *place],
        env=without_engine_settings() | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return [Answer(*answer) for answer in torch.load(file)]


def check(folder: Path, found: list[Answer]) -> None:
    """Compares with transformers."""
    for case in compared(Reference(folder), BOTH, QUESTIONS, found):
        case.check(is_on=True)


def test_an_engine_of_several_processes(folder: Path) -> None:
    """Spawned, not forked, they know only what the environment and the entry point bring."""
    own = {"TORCHDYNAMO_DISABLE": "1", "VLLM_WORKER_MULTIPROC_METHOD": "spawn"}
    check(folder, ask(folder, "both", own))


@pytest.mark.slow
def test_an_engine_as_vllm_starts_it_by_default(folder: Path) -> None:
    """Compiled, and in processes that are forked."""
    check(folder, ask(folder, "both", {}, enforce_eager=False))


@pytest.mark.slow
def test_workers_that_share_a_model(folder: Path) -> None:
    """Tensor parallelism: each of two has half of each layer."""
    own = {"TORCHDYNAMO_DISABLE": "1"}
    check(folder, ask(folder, "both", own, tensor_parallel_size=2))


def test_after_a_steered_engine_the_stock_one_is_as_if_we_were_not_there(folder: Path) -> None:
    with engine(folder, *BOTH) as running:
        steered = running.answers(QUESTIONS)
    from vllm import LLM

    from lmms_bapa.vllm.engine import shut_down

    llm = LLM(str(folder), **ARGUMENTS)
    after = Engine(llm, folder).answers(QUESTIONS)
    shut_down(llm)
    alone = ask(
        folder,
        "none",
        {"VLLM_PLUGINS": "", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TORCHDYNAMO_DISABLE": "1"},
    )
    for one, other in zip(after, alone, strict=True):
        assert (one.prompt, one.tokens) == (other.prompt, other.tokens)
        assert torch.equal(one.logprobs, other.logprobs)
    assert not torch.equal(after[0].logprobs[0], steered[0].logprobs[0])
