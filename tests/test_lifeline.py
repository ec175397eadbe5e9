"""A process of an engine ends with the one that started it, however that ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from lmms_bapa.vllm import lifeline

# The engine tells its number when it follows; a deaf one does not hear SIGTERM.
PARENT = """
import multiprocessing, os, signal, sys, time
from contextlib import nullcontext
from lmms_bapa.vllm import lifeline

def engine(is_deaf):
    lifeline.GRACE = 0.1
    if is_deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    lifeline.follow()
    lifeline.follow()
    print(os.getpid(), flush=True)
    time.sleep(100)

if __name__ == "__main__":
    with lifeline.held() if "held" in sys.argv else nullcontext():
        spawn = multiprocessing.get_context("spawn")
        one = spawn.Process(target=engine, args=("deaf" in sys.argv,))
        one.start()
    if "ends" in sys.argv:
        os._exit(3)
    one.join()
"""


@contextmanager
def started(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A parent and its engine."""
    (folder / "parent.py").write_text(PARENT, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k != lifeline.VARIABLE}
    parent = subprocess.Popen(
        [sys.executable, "parent.py", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    engine = psutil.Process(int(parent.stdout.readline()))
    try:
        yield parent, engine
    finally:
        for process in (parent, engine):
            if isinstance(process, subprocess.Popen) or process.is_running():
                process.kill()
        parent.wait()
        parent.stdout.close()


@pytest.mark.parametrize("words", [["held"], ["held", "deaf"]])
def test_it_ends_when_its_parent_is_killed(words: list[str], tmp_path: Path) -> None:
    with started(tmp_path, *words) as (parent, engine):
        assert engine.is_running()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        _, left = psutil.wait_procs([engine], timeout=20)
        assert left == []


def test_it_ends_when_its_parent_was_gone_before(tmp_path: Path) -> None:
    with started(tmp_path, "held", "ends") as (parent, engine):
        assert parent.wait(20) == 3
        _, left = psutil.wait_procs([engine], timeout=20)
        assert left == []


def test_an_engine_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    with started(tmp_path) as (parent, engine):
        assert [thread.id for thread in engine.threads()] != []
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        _, left = psutil.wait_procs([engine], timeout=1)
        assert left == [engine]


def test_nothing_is_left_in_the_environment() -> None:
    before = os.environ.get(lifeline.VARIABLE)
    with lifeline.held():
        assert os.environ[lifeline.VARIABLE]
    assert os.environ.get(lifeline.VARIABLE) == before
    lifeline.follow()  # nobody started this process so
