"""A sweep over an engine in processes of its own, as vLLM starts it: neither outlives the other."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from sysconfig import get_path

import psutil
import pytest

from .environment import VARIABLES

pytestmark = pytest.mark.slow
# More questions than are answered before it is stopped.
COMMAND = [
    str(Path(get_path("scripts")) / "lmms-bapa"),
    *("sweep", "--model", "vllm_bapa", "--tasks", "spatial_probe_lite", "--batch_size", "4"),
    *("--model_args", "model=micro-llava,enforce_eager=true,max_model_len=512,max_num_seqs=4"),
    *("--grid", "bapa=false,true", "--output", "runs"),
]
BEGINNING, END = 400.0, 60.0  # seconds until an answer is there, and until processes are gone


def _started(place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        COMMAND,
        cwd=place,
        env=os.environ | VARIABLES | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _until_it_answers(sweep: subprocess.Popen[str], journal: Path) -> list[psutil.Process]:
    """Waits for the first answers.

    Returns:
        The processes of the engine.
    """
    deadline = time.monotonic() + BEGINNING
    while not (journal.is_file() and journal.stat().st_size):
        try:
            sweep.wait(0.2)
        except subprocess.TimeoutExpired:
            assert time.monotonic() < deadline, "no answer"
            continue
        raise AssertionError(f"it ended by itself: {sweep.communicate()}")
    found: list[psutil.Process] = psutil.Process(sweep.pid).children(recursive=True)
    assert any("EngineCore" in process.name() for process in found)
    return found


@pytest.mark.parametrize(
    ("sent", "status"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)],
)
def test_no_process_of_an_engine_is_left(sent: signal.Signals, status: int, tmp_path: Path) -> None:
    sweep = _started(tmp_path)
    engine: list[psutil.Process] = []
    try:
        engine = _until_it_answers(sweep, tmp_path / "runs" / "off" / "answers.jsonl")
        if sent == signal.SIGINT:  # a terminal sends it to all of them
            os.killpg(sweep.pid, sent)
        else:
            sweep.send_signal(sent)
        _, errors = sweep.communicate(timeout=END)
        assert sweep.returncode == status, errors[-2000:]
        _, left = psutil.wait_procs(engine, timeout=END)
        assert left == []
        if sent == signal.SIGINT:
            said = [line for line in errors.splitlines() if line.startswith("lmms-bapa: ")]
            assert said == [
                "lmms-bapa: interrupted: give the same command again, which goes on where it was"
            ]
            assert "Traceback" not in errors
    finally:
        _end(sweep, engine)


def _end(sweep: subprocess.Popen[str], engine: list[psutil.Process]) -> None:
    for process in (*engine, psutil.Process(sweep.pid) if sweep.poll() is None else None):
        if process is not None and process.is_running():
            process.kill()


def test_a_sweep_whose_engine_was_killed_ends_and_keeps_its_answers(tmp_path: Path) -> None:
    """As the system does when memory runs out; vLLM's own client would wait for good."""
    sweep, setting = _started(tmp_path), tmp_path / "runs" / "off"
    engine: list[psutil.Process] = []
    try:
        engine = _until_it_answers(sweep, setting / "answers.jsonl")
        next(process for process in engine if "EngineCore" in process.name()).kill()
        _, errors = sweep.communicate(timeout=END)
        assert sweep.returncode == 2, errors[-2000:]
        said = [line for line in errors.splitlines() if line.startswith("lmms-bapa: ")]
        assert len(said) == 1
        assert said[0].startswith("lmms-bapa: error: the engine of vLLM ended while it answered")
        assert "Traceback" not in errors
        assert [path.name for path in setting.iterdir()] == ["answers.jsonl"]
        _, left = psutil.wait_procs(engine, timeout=END)
        assert left == []
    finally:
        _end(sweep, engine)
