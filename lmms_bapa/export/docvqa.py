"""``docvqa``: the JSON file of DocVQA at the Robust Reading Competition."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class DocVQA(Submission):
    """Rows of a questionId and an answer, in JSON."""

    name: ClassVar[str] = "docvqa"
    summary: ClassVar[str] = "the JSON file of DocVQA at the Robust Reading Competition"
    tasks: ClassVar[tuple[str, ...]] = ("docvqa_test*",)
    columns: ClassVar[Columns] = {"questionId": int, "answer": str}
