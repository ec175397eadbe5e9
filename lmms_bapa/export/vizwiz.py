"""``vizwiz``: the JSON file of VizWiz-VQA on EvalAI."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class VizWiz(Submission):
    """Rows of the name of an image and an answer, in JSON."""

    name: ClassVar[str] = "vizwiz"
    summary: ClassVar[str] = "the JSON file of VizWiz-VQA on EvalAI"
    tasks: ClassVar[tuple[str, ...]] = ("vizwiz_vqa_*",)
    columns: ClassVar[Columns] = {"image": str, "answer": str}
