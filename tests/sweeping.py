"""Sweeps for tests: counted, and killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmms_bapa.sweep.progress import SweepProgress


class Counter(SweepProgress):
    """Counts what the model answered and what was known."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.known = 0

    def answered(self, count: int, now: bool) -> None:
        super().answered(count, now)
        if now:
            self.now += count
        else:
            self.known += count


KILLED = """
import json, os, signal, sys
from pathlib import Path
from lmms_bapa.harness.journal import Journal
from lmms_bapa.sweep.runner import sweep
from lmms_bapa.sweep.config import read_config
from lmms_bapa.sweep.progress import SweepProgress

left, record = int(sys.argv[3]), Journal.record

def last_words(self, batch, replies):
    global left
    record(self, batch, replies)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Journal.record = last_words
sweep(read_config(None, json.loads(sys.argv[1])), Path(sys.argv[2]), SweepProgress())
"""


def killed_sweep(
    given: Mapping[str, Any], output: Path, batches: int, environment: Mapping[str, str]
) -> None:
    """Runs a sweep in a process of its own that is killed right after it wrote some answers.

    Args:
        given: as for ``read_config``.
        output: its folder.
        batches: how many batches are answered before that, over all settings.
        environment: variables beside those of this process.
    """
    done = subprocess.run(
        [sys.executable, "-c", KILLED, json.dumps(given), str(output), str(batches)],
        capture_output=True,
        text=True,
        cwd=output.parent,
        env=os.environ | dict(environment),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
