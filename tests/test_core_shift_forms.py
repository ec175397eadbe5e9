"""What a reply to a shifted question should be, and where the files of a place go."""

from __future__ import annotations

from argparse import Namespace

import pytest

from lmms_bapa.harness.shift_metrics import Form, arguments_for, form_of
from lmms_bapa.shift.layouts.grid import Grid
from lmms_bapa.shift.spec import ShiftSpec

LETTERS = "What is it?\nA. dog\nB. cat"


@pytest.mark.parametrize(
    ("replies", "question", "target", "form"),
    [
        ("auto", LETTERS, "A", Form("letter", "AB")),
        ("auto", LETTERS, "yes", Form("letter", "AB")),  # what is offered counts more
        ("auto", "Is it a dog?", "yes", Form("yes_no", "")),
        ("auto", "Is it a dog?", " No. ", Form("yes_no", "")),
        ("auto", "What is it?", "dog", Form("free", "")),
        ("auto", "What is it?", None, Form("free", "")),
        ("letter", "What is it?", "dog", Form("free", "")),
        ("yes_no", LETTERS, "A", Form("yes_no", "AB")),
        ("free", LETTERS, "A", Form("free", "AB")),
    ],
)
def test_the_form_of_a_reply(replies: str, question: str, target: str | None, form: Form) -> None:
    assert form_of(ShiftSpec(layout=Grid(), replies=replies), question, target) == form


def test_each_place_has_a_folder_of_its_own() -> None:
    args = Namespace(output_path="runs", seed=3)
    assert arguments_for(args, "pope_shift", "r1c1") == Namespace(
        output_path="runs/pope_shift/r1c1", seed=3
    )
    assert args.output_path == "runs"
    for nothing in (None, Namespace(output_path=None), Namespace()):
        assert arguments_for(nothing, "t", "p").output_path == "t/p"
