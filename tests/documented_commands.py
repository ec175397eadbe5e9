"""Finds the commands of README, CONTRIBUTING and docs, and the files that they are to be run with.

A command is what stands in a fenced block without a language or with a shell's, one a line, and
what stands between backquotes in the text if it is complete. Other blocks whose first line, or
whose title, is a path are files: a reader puts them there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
# A first word that is none of these, in a block that begins with one of them, fails the test.
PROGRAMS = {"lmms-bapa", "lmms-eval", "python", "torchrun", "accelerate", "make", "nox", "pip"}
PROGRAMS |= {"uv", "uvx", "git", "cp", "mkdir", "mkdocs", "every_eval_ever", "cd", "tar", "docker"}
PROGRAMS |= {"vllm"}
SHELLS = {"", "sh", "bash", "shell", "console"}
_FENCE = re.compile(r"^(?P<indent>\s*)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.\w+")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*=")
# What a reader has to fill in: dots, or a word in capitals.
_BLANK = re.compile(r"\.\.\.|…|(?<![\w/.$-])[A-Z]{1,9}(?![\w/.-])|<\w+>")


@dataclass(frozen=True)
class Block:
    """A fenced block: where its first line is, its language, title and lines."""

    line: int
    language: str
    title: str | None
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """One command as typed.

    Attributes:
        page: its file, from the root of the repository.
        line: in that file.
        typed: the whole of it, on one line.
        words: without variables in front.
        variables: those that stand in front.
        is_inline: from the running text.
    """

    page: str
    line: int
    typed: str
    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    is_inline: bool = False

    @property
    def text(self) -> str:
        """The words on one line, without quotation marks."""
        return " ".join(self.words)

    @property
    def is_complete(self) -> bool:
        """Whether it can be typed: in the text, names of commands alone are mere mentions."""
        if not self.is_inline:
            return True
        if any(_BLANK.search(word) for word in self.words):
            return False
        needed = {"lmms-eval": "--tasks", "torchrun": "-m", "accelerate": "-m"}.get(self.words[0])
        if needed is not None:
            return needed in self.words[:-1]
        names = 2 if self.words[0] in ("lmms-bapa", "vllm") else 1
        return len(self.words) > names + (self.words[1:2] == ("probe",))


def pages() -> list[Path]:
    """All pages that are read for commands."""
    docs = ROOT / "docs"
    found = [p for p in docs.rglob("*.md") if not p.relative_to(docs).parts[0].startswith("_")]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(found)]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    opened: re.Match[str] | None = None
    start = 0
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FENCE.match(line)
        if opened is None and found:
            opened, start, lines = found, number + 1, []
        elif opened is not None and found and found["mark"].startswith(opened["mark"]):
            info = opened["info"].strip()
            title = re.search(r'title="([^"]+)"', info)
            language = re.split(r"[\s{]", info)[0]
            yield Block(start, language, title[1] if title else None, tuple(lines))
            opened = None
        elif opened is not None:
            lines.append(line.removeprefix(opened["indent"]))


def commands(page: Path) -> list[Command]:
    """All commands of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    found = [command for block in blocks(text) for command in _typed(name, block)]
    if page.name == "troubleshooting.md":  # messages are no commands, whatever they begin with
        text = re.sub(r"^\| (`+).+?\1 \|", "|", text, flags=re.MULTILINE)
    for line, span in _spans(text):
        if _first(_words(span)) in PROGRAMS:
            found.append(_command(name, line, span, is_inline=True))
    return sorted(found, key=lambda command: command.line)


def files(page: Path) -> dict[str, str]:
    """The files that a page shows: path -> content."""
    found = {}
    for block in blocks(page.read_text(encoding="utf-8")):
        first = block.lines[0] if block.lines else ""
        path = block.title or first.removeprefix("#").strip()
        is_ours = path.startswith(("lmms_bapa/", "tests/"))  # an example: not a reader's file
        if (block.title or first.startswith("#")) and _PATH.fullmatch(path) and not is_ours:
            found[path] = "\n".join(block.lines) + "\n"
    return found


def python(page: Path) -> list[str]:
    """The Python of a page."""
    text = page.read_text(encoding="utf-8")
    return ["\n".join(b.lines) for b in blocks(text) if b.language == "python"]


def _typed(page: str, block: Block) -> Iterator[Command]:
    if block.language not in SHELLS:
        return
    lines = list(_joined(block))
    known = [_first(_words(line)) in PROGRAMS for _, line in lines]
    if not lines or not (known[0] or block.language):
        return  # output of a command, a picture of folders
    for number, line in lines:
        yield _command(page, number, line, is_inline=False)


def _joined(block: Block) -> Iterator[tuple[int, str]]:
    """Lines with those that they go on with, without prompts and comments."""
    text, start = "", 0
    for number, line in enumerate(block.lines, start=block.line):
        start = start if text else number
        text += line.strip().removeprefix("$ ")
        if text.endswith("\\"):
            text = text[:-1]
            continue
        if _words(text):
            yield start, text
        text = ""


def _spans(text: str) -> Iterator[tuple[int, str]]:
    """What stands between backquotes outside of blocks."""
    lines, inside = [], False
    for line in text.splitlines():
        is_fence = bool(_FENCE.match(line))
        lines.append("" if inside or is_fence else line)
        inside ^= is_fence
    kept = "\n".join(lines)
    for found in _SPAN.finditer(kept):
        if "\n\n" not in found[1]:
            yield kept.count("\n", 0, found.start()) + 1, " ".join(found[1].split())


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a lone quotation mark, so no command
        return []


def _first(words: list[str]) -> str:
    return next((word for word in words if not _VARIABLE.match(word)), "")


def _command(page: str, line: int, typed: str, is_inline: bool) -> Command:
    words = _words(typed)
    count = words.index(_first(words)) if _first(words) else 0
    pairs = tuple((n, v) for n, _, v in (word.partition("=") for word in words[:count]))
    return Command(page, line, typed, tuple(words[count:]), pairs, is_inline)
