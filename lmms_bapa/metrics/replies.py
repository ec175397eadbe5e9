"""What a question allows as an answer, and whether a reply is one. Strict, and never silent."""

from __future__ import annotations

import re

from lmms_bapa.metrics.probe import parse_yes_no

# An option stands at the start of a line: "A. dog", "(B) cat", "C) owl", "D: elk".
_OPTION = re.compile(r"(?m)^\s*(?:\(([A-Z])\)|([A-Z])[.):])\s*\S")
# ... or one behind the other in a line: "What is it? (A) dog (B) cat", "Options: A: dog, B: cat".
_INLINE = re.compile(r"(?:\(([A-Z])\)|(?<![A-Za-z])([A-Z]):)\s*\S")
_ALONE = re.compile(r"[\s\"'`*_(\[<]*([A-Z])(?:[\s\"'`*_)\].:,;>]*$|[).:]|\]|\*|\s*\n)")
_STATED = re.compile(r"(?i:answer|option|choice)\b[^A-Za-z]*(?:is\b)?[^A-Za-z]*([A-Z])\b")
_MARKS = " \t\n\"'`*_()[]<>.:,;"


def options_in(question: str) -> str:
    """The letters that a question offers, ``"ABCD"``; empty if it offers none.

    Letters count from A on without a gap, so that an initial in a text is no option.
    """
    for pattern in (_OPTION, _INLINE):
        found = {next(filter(None, m.groups())) for m in pattern.finditer(question)}
        letters = ""
        while chr(ord("A") + len(letters)) in found:
            letters += chr(ord("A") + len(letters))
        if len(letters) > 1:
            return letters
    return ""


def parse_letter(reply: str, options: str) -> str | None:
    """The option that a reply names: ``B``, ``(B) a cat``, ``The answer is B.``; else None.

    A reply that only contains some capital letter names nothing: ``A dog`` is not option A.
    """
    alone = reply.strip(_MARKS)
    match = _ALONE.match(alone.upper() if len(alone) == 1 else reply) or _STATED.search(reply)
    letter = match.group(1) if match else None
    return letter if letter is not None and letter in options else None


def is_readable(reply: str, form: str, options: str) -> bool:
    """Whether a reply has the form that the question asks for.

    Args:
        reply: what the model said.
        form: ``letter``, ``yes_no`` or ``free`` (everything but nothing).
        options: the letters offered, for ``letter``.
    """
    if form == "letter":
        return parse_letter(reply, options) is not None
    if form == "yes_no":
        return parse_yes_no(reply) is not None
    return bool(reply.strip())


def chance(form: str, options: str) -> float | None:
    """Probability of guessing right without looking; None where there is no list to guess from."""
    if form == "letter":
        return 1 / len(options)
    return 0.5 if form == "yes_no" else None
