"""Runs one documented command in this process, with as little exchanged as possible.

What is exchanged, and why:

- ``device=cuda:0`` and FlashAttention: there may be no GPU here. The CPU and ``sdpa`` stand in.
- ``pretrained=...``: the reader's model. ``micro-llava`` stands in.
- For speed, there are fewer questions, groups and simulations; of the values in a grid the first
  and the last are taken, and of several embedded models the first.
- ``torchrun`` and ``accelerate launch``: their own options are parsed by their own parsers, and
  what they start runs in one process. :mod:`tests.test_two_processes` starts two.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import lmms_eval.__main__ as harness
import pytest
from accelerate.commands.launch import launch_command_parser
from lmms_eval.models import MODEL_REGISTRY_V2
from lmms_eval.tasks import TaskManager
from loguru import logger
from torch.distributed.run import get_args_parser
from typer.testing import CliRunner

from lmms_bapa.cli import app

from .benchmarks_like.runs import BUILT_IN
from .documented_commands import Command
from .documented_place import DATA

QUESTIONS, GROUPS, SIMULATIONS = "20", "4", "100"
EXCHANGED = (
    (r"\bcuda(:\d+)?\b", "cpu"),
    (r"\bflash_attention_2\b", "sdpa"),
    (r"\bpretrained=\.\.\.", "pretrained=micro-llava"),
    (r"<folder of the checkpoint>", "llava-hf/llava-1.5-7b-hf"),
)
# Commands -> the option that makes them short, and how short.
SHORTER = {
    ("lmms-eval",): ("--limit", QUESTIONS),
    ("lmms-bapa", "sweep"): ("--limit", QUESTIONS),
    ("lmms-bapa", "demo"): ("--limit", "18"),
    ("lmms-bapa", "calibrate"): ("--groups", GROUPS),
    ("lmms-bapa", "power"): ("--simulations", SIMULATIONS),
}
_SHELL = {"cp", "mkdir", "cd"}
_OUTPUTS = ("--output", "--output_path", "--output-path")


def exchange(text: str) -> str:
    """A word, or a line of the shell, with what is there."""
    for pattern, there in EXCHANGED:
        text = re.sub(pattern, there, text)
    return text


def shorten(words: Sequence[str]) -> list[str]:
    """The command on fewer questions, and with fewer settings, than are typed."""
    pairs = list(zip(("", *words), (*words, ""), strict=True))
    later = {i for i, (before, _) in enumerate(pairs) if before == "--model"}
    later -= {min(later, default=0)}
    words = [
        _ends(word) if before == "--grid" else word
        for i, (before, word) in enumerate(pairs[:-1])
        if i not in later and i + 1 not in later
    ]
    for start, (option, value) in SHORTER.items():
        if tuple(words[: len(start)]) == start:
            given = list(words)
            if option not in given:
                return [*given, option, value]
            place = given.index(option) + 1
            given[place] = str(min(int(given[place]), int(value)))
            return given
    return list(words)


def _ends(grid: str) -> str:
    """``agci_lambda=0,0.3,1`` with its first and last value."""
    key, _, values = grid.partition("=")
    listed = values.split(",")
    return f"{key}={','.join(dict.fromkeys((listed[0], listed[-1])))}"


def run(command: Command) -> str | None:
    """Runs a command where the test stands.

    Returns:
        What went wrong, or None.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in command.variables:
            patch.setenv(name, value)
        if command.words[0] in _SHELL:
            return _shell(exchange(command.typed))
        return _run([exchange(word) for word in command.words], patch)


def _run(words: list[str], patch: pytest.MonkeyPatch) -> str | None:
    program, *rest = words
    if program == "torchrun":
        parsed = get_args_parser().parse_args(rest)
        return _run(["python", "-m", parsed.training_script, *parsed.training_script_args], patch)
    if words[:2] == ["accelerate", "launch"]:
        parsed = launch_command_parser().parse_args(words[2:])
        return _run(["python", "-m", parsed.training_script, *parsed.training_script_args], patch)
    if words[:2] == ["python", "-c"]:
        return _shell([sys.executable, *rest])
    if words[:2] == ["python", "-m"]:
        program, rest = words[2].replace("_", "-"), words[3:]
    start = _PROGRAMS.get(program)
    if start is None:
        return f"nothing here runs {program}: add it to tests/documented_runs.py"
    arguments = shorten([program, *rest])[1:]
    wrong = start(arguments, patch)
    if wrong and "no colour-emoji font is installed" in wrong:
        return None  # not a fault of the document
    lost = [path for option in _OUTPUTS for path in _after(option, rest) if not Path(path).exists()]
    return wrong or (f"did not write {lost[0]}" if lost else None)


def _after(option: str, words: Sequence[str]) -> list[str]:
    return [words[i + 1] for i, word in enumerate(words[:-1]) if word == option]


def _shell(line: str | list[str]) -> str | None:
    done = subprocess.run(line, shell=isinstance(line, str), capture_output=True, text=True)
    return f"status {done.returncode}: {done.stderr}" if done.returncode or done.stderr else None


def _manager(
    verbosity: str = "WARNING", include_path: str | None = None, **kwargs: str
) -> TaskManager:
    """Knows the built-in tasks that there are data for; reading all would take 10 s."""
    folders = sorted({str(BUILT_IN / benchmark.folder) for benchmark in DATA})
    paths = [*folders, *([include_path] if include_path else [])]
    return TaskManager(verbosity, include_path=paths, include_defaults=False, **kwargs)


def _ours(arguments: list[str], patch: pytest.MonkeyPatch) -> str | None:
    if arguments[0] == "shift":
        _manager()  # it looks tasks up in what was read last
    done = CliRunner().invoke(app, arguments)
    if done.exit_code == 0:
        return None
    return f"status {done.exit_code}: {done.stderr[-2000:] or done.exception!r}"


def _harness(arguments: list[str], patch: pytest.MonkeyPatch) -> str | None:
    """The harness's command line; it exits with 0 on errors, so what it prints is looked at."""
    patch.setattr(harness, "TaskManager", functools.wraps(TaskManager)(_manager))
    patch.setattr(sys, "argv", ["lmms-eval", *arguments])
    for table in ("_manifests", "_alias_to_model_id"):  # forgotten again with the command
        patch.setattr(MODEL_REGISTRY_V2, table, dict(getattr(MODEL_REGISTRY_V2, table)))
    MODEL_REGISTRY_V2.load_entrypoint_manifests(overwrite=True)
    printed = io.StringIO()
    status: object = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            harness.cli_evaluate()
        except SystemExit as error:
            status = error.code or 0
    logger.remove()  # the harness let it print to what is gone with this command
    logger.add(sys.stderr)
    said = printed.getvalue()
    (tasks,) = _after("--tasks", arguments)
    if status == 0 and (tasks == "list" or re.search(r"^\|\s*Tasks\s*\|", said, re.MULTILINE)):
        return None
    return f"status {status}, no table of results: {said[-3000:]}"


_PROGRAMS: dict[str, Callable[[list[str], pytest.MonkeyPatch], str | None]] = {
    "lmms-bapa": _ours,
    "lmms-eval": _harness,
}
