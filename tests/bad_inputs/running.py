"""Runs a command of the table in this process, as its program would, and watches the folder."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import traceback
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lmms_eval.__main__ as harness
import pytest
from lmms_eval.tasks import TaskManager

from lmms_bapa.cli import app
from lmms_bapa.harness.discovery import register_tasks

from .rows import Row
from .shelf import contents

register_tasks()


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        status: of the process, as it would have been.
        out: what it printed.
        err: what it printed on standard error.
        changed: files that are new, gone or different.
    """

    status: int
    out: str
    err: str
    changed: list[str]

    @property
    def ours(self) -> list[str]:
        """The messages that are ours."""
        return [line for line in self.err.splitlines() if line.startswith("lmms-bapa: error:")]


def run(row: Row, shelf: Path) -> Outcome:
    """Runs a row with the shelf as its working folder, its home of temporary files among it."""
    before = contents(shelf)
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.chdir(shelf)
        patch.setenv("COLUMNS", "200")
        patch.setattr(tempfile, "tempdir", str(shelf / "tmp"))
        for name, value in row.environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", [row.program, *row.arguments])
        # The harness's own two thousand tasks take ten seconds to find.
        patch.setattr(harness, "TaskManager", partial(TaskManager, include_defaults=False))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        try:
            if row.program == "lmms-eval":
                harness.cli_evaluate()
            else:
                app(prog_name="lmms-bapa")
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except Exception:
            traceback.print_exc(file=err)
            status = 1
    after = contents(shelf)
    names = before.keys() | after.keys()
    changed = sorted(name for name in names if before.get(name) != after.get(name))
    for name in reversed(changed):  # so that one fault is one failure
        path = shelf / name
        if name not in before and os.path.lexists(path):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return Outcome(status, out.getvalue(), err.getvalue(), changed)
