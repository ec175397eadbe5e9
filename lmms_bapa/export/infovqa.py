"""``infovqa``: the JSON file of InfographicVQA at the Robust Reading Competition."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class InfoVQA(Submission):
    """Rows of a questionId and an answer, in JSON."""

    name: ClassVar[str] = "infovqa"
    summary: ClassVar[str] = "the JSON file of InfographicVQA at the Robust Reading Competition"
    tasks: ClassVar[tuple[str, ...]] = ("infovqa_test*",)
    columns: ClassVar[Columns] = {"questionId": int, "answer": str}
