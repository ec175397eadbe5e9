"""What a question offers, and which replies are answers."""

from __future__ import annotations

import pytest

from lmms_bapa.metrics.replies import chance, is_readable, options_in, parse_letter


@pytest.mark.parametrize(
    ("question", "letters"),
    [
        ("What is it?\nA. dog\nB. cat\nC. elk\nAnswer with the letter.", "ABC"),
        ("What is it? (A) dog (B) cat", "AB"),
        ("What is it?\n(A) dog\n(B) cat", "AB"),
        ("What?\nA) dog\nB) cat", "AB"),
        ("Which?\nOptions: A: on the book., B: under it, C: both, D: neither", "ABCD"),
        ("Is there a dog?", ""),
        ("Is plan B: better?", ""),
        ("A. Smith asks: is there a dog?", ""),
        ("What?\nB. dog\nC. cat", ""),
    ],
)
def test_options(question: str, letters: str) -> None:
    assert options_in(question) == letters


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"), ("b", "B"), (" B. ", "B"), ("(B)", "B"), ("(B) a cat", "B"), ("B. a cat", "B"),
        ("B: a cat", "B"), ("**B**", "B"), ("B) a cat", "B"), ("The answer is B.", "B"),
        ("Answer: B", "B"), ("The correct option is (B).", "B"), ("B\nbecause", "B"),
        ("A dog", None), ("Because", None), ("", None), ("E", None), ("a cat", None),
        ("I do not know", None),
    ],
)  # fmt: skip
def test_letters(reply: str, letter: str | None) -> None:
    assert parse_letter(reply, "ABCD") == letter


def test_forms() -> None:
    assert is_readable("Yes.", "yes_no", "")
    assert not is_readable("It is", "yes_no", "")
    assert is_readable("B", "letter", "AB")
    assert not is_readable("C", "letter", "AB")
    assert is_readable("anything", "free", "")
    assert not is_readable("  ", "free", "")


def test_chance() -> None:
    assert chance("letter", "ABCD") == 0.25
    assert chance("yes_no", "") == 0.5
    assert chance("free", "") is None
