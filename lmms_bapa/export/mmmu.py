"""``mmmu``: the JSON file of MMMU on EvalAI."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class MMMU(Submission):
    """One object in JSON, from the id of a question to its answer."""

    name: ClassVar[str] = "mmmu"
    summary: ClassVar[str] = "the JSON file of MMMU on EvalAI"
    tasks: ClassVar[tuple[str, ...]] = ("mmmu_test*",)
    columns: ClassVar[Columns] = {"id": str, "answer": str}
