"""Every command that README, CONTRIBUTING and docs show runs as typed.

How: :mod:`.documented_commands` finds them, :mod:`.documented_place` has what their reader has, and
:mod:`.documented_runs` runs them, page by page, in the order of the page.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import typer
from lmms_eval.__main__ import parse_eval_args
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.harness.presets import preset_names

from .benchmarks_like.runs import isolated
from .documented_commands import ROOT, Command, commands, files, pages, python
from .documented_place import SWEEP, furnish, open_place, provide, tasks_for
from .documented_runs import run

# Pages whose Python makes what their commands read.
PREPARES = {"docs/own_probe.md", "docs/position_shift.md"}


def is_target(name: str) -> bool:
    """Whether the Makefile can make it."""
    return f"\n{name}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def is_session(name: str) -> bool:
    """Whether nox has it."""
    return f"def {name}(session" in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def is_module(name: str) -> bool:
    """Whether Python has it."""
    return importlib.util.find_spec(name) is not None


def is_extra(name: str) -> bool:
    """Whether the package has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return name in project["optional-dependencies"]


def is_file(name: str) -> bool:
    """Whether the repository has it."""
    return (ROOT / name).is_file()


def is_adapter(name: str) -> bool:
    """Whether it can stand behind ``--model``."""
    return name in preset_names()


def is_example(name: str) -> bool:
    """Whether the tests of docs/extending.md know it."""
    return name in (ROOT / "tests" / "test_extending.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class NotHere:
    """Commands that this test does not run.

    Attributes:
        pattern: of the whole command; its group is what has to be there.
        check: whether that is there.
        why: the reason.
    """

    pattern: str
    check: Callable[[str], bool]
    why: str


IN_VLLM = "needs vLLM: tests/vllm/test_documented.py runs it"
NOT_HERE = (
    NotHere(r"make (\w+)", is_target, "installs an environment; CI and people run it"),
    NotHere(r"nox -s (\w+)( -- .*)?", is_session, "installs an environment of its own"),
    NotHere(r"pip install \.\[([\w-]+)\]", is_extra, "installs from the network"),
    NotHere(r"python -m (benchmarks\.\w+).*", is_module, "measures for minutes"),
    NotHere(r"python -m (lmms_bapa\.embedded\.train) .*", is_module, "trains for minutes"),
    NotHere(r"python -m (tests\.vllm\.\w+).*", is_module, "starts engines for minutes"),
    NotHere(r"python (tests/\w+\.py)", is_file, "tests/test_vllm_install.py tries what it does"),
    NotHere(r".* --model (vllm_bapa) .*", is_adapter, IN_VLLM),
    NotHere(r"(vllm) serve .*", is_extra, IN_VLLM),
    NotHere(r".* --to (ranking) .*", is_example, "tests/test_extending.py runs it"),
)


def not_here(command: Command) -> NotHere | None:
    """Why a command is not run, if that is so."""
    return next((n for n in NOT_HERE if re.fullmatch(n.pattern, command.text)), None)


PAGES = {page.relative_to(ROOT).as_posix(): commands(page) for page in pages()}
ALL = [command for listed in PAGES.values() for command in listed]


def runnable(page: str) -> list[Command]:
    """What is run of a page; the same line twice is run once."""
    complete = [c for c in PAGES[page] if c.is_complete and not_here(c) is None]
    if not hasattr(huggingface_hub, "EvalResultEntry"):  # of 1.4, which transformers 4 cannot have
        complete = [c for c in complete if "hf-eval-results" not in c.text]
    return list({command.text: command for command in reversed(complete)}.values())[::-1]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def sweep_of(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @functools.cache
    def made(tasks: str) -> Path:
        place = open_place(home, tmp_path_factory.mktemp("sweep") / "place")
        with isolated(place):
            done = CliRunner().invoke(app, [*SWEEP, tasks])
        assert done.exit_code == 0, done.output
        return place / "runs" / "x"

    return made


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)])
def test_every_command_of_a_page_runs(
    page: str, home: Path, sweep_of: Callable[[str], Path], tmp_path: Path
) -> None:
    place = open_place(home, tmp_path / "place")
    failed = []
    with isolated(place):
        for name, content in files(ROOT / page).items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(content, encoding="utf-8")
        for code in python(ROOT / page) if page in PREPARES else ():
            exec(compile(code, page, "exec"), {})
        for command in runnable(page):
            provide(command.words, place, sweep_of(tasks_for(command)))
            wrong = run(command)
            if wrong is not None:
                failed.append(f"{page}:{command.line}: {command.typed}\n    {wrong}")
    assert not failed, "\n".join(failed)


def test_what_is_not_run_is_there() -> None:
    for command in ALL:
        found = not_here(command)
        if found is not None:
            match = re.fullmatch(found.pattern, command.text)
            assert match is not None
            assert found.check(match[1]), f"{command.page}:{command.line}: {command.typed}"


@pytest.mark.parametrize("reason", NOT_HERE, ids=lambda reason: reason.pattern)
def test_every_reason_is_needed(reason: NotHere) -> None:
    assert any(re.fullmatch(reason.pattern, command.text) for command in ALL)


def options(words: tuple[str, ...]) -> Iterator[str]:
    """The options of a command, without their values."""
    for word in words:
        if word.startswith("--") and len(word) > 2:
            yield word.partition("=")[0]


@pytest.mark.parametrize(
    "command",
    [c for c in ALL if not c.is_complete and c.words[0] in ("lmms-bapa", "lmms-eval")],
    ids=lambda c: f"{c.page}:{c.line}",
)
def test_a_mention_names_what_there_is(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    if command.words[0] == "lmms-eval":
        monkeypatch.setattr("sys.argv", ["lmms-eval"])
        parser, _ = parse_eval_args()
        known = {option for action in parser._actions for option in action.option_strings}
    else:
        found: Any = typer.main.get_command(app)
        for word in command.words[1:]:
            if word in getattr(found, "commands", {}):
                found = found.commands[word]
        assert not hasattr(found, "commands") or len(command.words) == 1, command.typed
        known = {option for parameter in found.params for option in parameter.opts}
    assert set(options(command.words)) <= known, command.typed


PAGE = """
```
$ lmms-bapa sweep --tasks a \\
  --output runs/x   # a remark
lmms-bapa report runs/x
```

```yaml
# my/task.yaml
task: a
```

```text
lmms-bapa error
```

```
runs/x/off   a picture of folders
```

Text with `lmms-bapa compare runs/a
runs/b`, `lmms-bapa power`, `lmms-bapa verify --model ...` and `A=1 lmms-eval --tasks list`.
"""


def test_commands_and_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.documented_commands.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    found = commands(page)
    assert [(c.line, c.text, c.is_complete) for c in found] == [
        (3, "lmms-bapa sweep --tasks a --output runs/x", True),
        (5, "lmms-bapa report runs/x", True),
        (21, "lmms-bapa compare runs/a runs/b", True),
        (22, "lmms-bapa power", False),
        (22, "lmms-bapa verify --model ...", False),
        (22, "lmms-eval --tasks list", True),
    ]
    assert found[-1].variables == (("A", "1"),)
    assert files(page) == {"my/task.yaml": "# my/task.yaml\ntask: a\n"}


def test_what_does_not_work_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for typed, told in {
        "lmms-bapa power --sprad 0.1": "status 2",
        "lmms-eval --model llava_bapa --model_args pretrained=micro-llava --tasks spatial_prob": (
            "status 2"
        ),
        "cp nothing somewhere": "status 1",
        "frobnicate --now": "nothing here runs frobnicate",
    }.items():
        wrong = run(Command("page", 1, typed, tuple(typed.split())))
        assert wrong is not None
        assert told in wrong
