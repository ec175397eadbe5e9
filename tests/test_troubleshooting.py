"""docs/troubleshooting.md has an entry for every message that the package raises, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .raised_messages import messages, said

PAGE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"
# The first cell of a row, in as many backquotes as its text needs.
ROW = re.compile(r"^\| (?P<mark>`+)(?P<text>.+?)(?P=mark) \|(?P<told>.*)\|$")


def entries() -> list[tuple[str, str]]:
    """Message and explanation of every row below a header that begins with "message"."""
    found, inside = [], False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        inside = line.startswith("| message |") or (inside and line.startswith("|"))
        row = ROW.match(line)
        if inside and row:
            found.append((row["text"].strip(), row["told"].strip()))
    return found


def test_every_message_has_its_entry() -> None:
    known = {message for message, _ in entries()}
    missing = {text: files for text, files in messages().items() if text not in known}
    rows = [f"| `{text}` | {', '.join(files)} |" for text, files in missing.items()]
    assert not missing, "add to docs/troubleshooting.md:\n" + "\n".join(rows)


def test_no_entry_is_left_of_a_message_that_is_gone() -> None:
    said_now = messages()
    stale = [message for message, _ in entries() if message not in said_now]
    assert not stale, "\n".join(stale)


def test_no_message_has_two_entries() -> None:
    known = [message for message, _ in entries()]
    assert sorted(known) == sorted(set(known))


def test_every_topic_explains() -> None:
    """An entry without a word of its own is one whose message says all; most do not."""
    told = [bool(text) for _, text in entries()]
    assert sum(told) > 0.8 * len(told) > 200


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('raise UsageError("no such thing")', ["no such thing"]),
        ('raise UsageError(f"{path}: no such {kind} here") from error', ["…: no such … here"]),
        ('logger.warning(f"{a}{b} is odd, " + "really")', ["… is odd, really"]),
        ('raise UsageError(f"{path}: {error}")', []),  # nothing of its own
        ('raise AttributeError(f"no attribute {name}")', []),
        ('ADVICE = "try another"\nraise ValueError(f"{a}: {ADVICE}")', ["…: try another"]),
        ('raise UsageError("one thing" if a else "other thing")', ["one thing", "other thing"]),
        ('raise UsageError(listed(f"pictures of {a}", broken))', ["pictures of …"]),
        (
            "def f():\n"
            '    what = "no results" if a else "no logs at all"\n'
            '    raise UsageError(f"{what}: run it")',
            ["no results: run it", "no logs at all: run it"],
        ),
        (
            "def refuse(kind: str, why: str):\n"
            '    return UsageError(f"{kind}: {why}")\n'
            'raise refuse(kind, "it has no layers")',
            ["it has no layers"],
        ),
    ],
)
def test_messages_are_read_from_sources(code: str, expected: list[str]) -> None:
    assert list(said(code)) == expected
