"""``textvqa``: the JSON file of TextVQA on EvalAI."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class TextVQA(Submission):
    """Rows of a question_id and an answer, in JSON."""

    name: ClassVar[str] = "textvqa"
    summary: ClassVar[str] = "the JSON file of TextVQA on EvalAI"
    tasks: ClassVar[tuple[str, ...]] = ("textvqa_*",)
    columns: ClassVar[Columns] = {"question_id": int, "answer": str}
