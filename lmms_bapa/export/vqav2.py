"""``vqav2``: the JSON file of VQAv2 on EvalAI."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class VQAv2(Submission):
    """Rows as in https://visualqa.org/evaluation.html."""

    name: ClassVar[str] = "vqav2"
    summary: ClassVar[str] = "the JSON file of VQAv2 on EvalAI"
    tasks: ClassVar[tuple[str, ...]] = ("vqav2_test*",)
    columns: ClassVar[Columns] = {"question_id": int, "answer": str}
