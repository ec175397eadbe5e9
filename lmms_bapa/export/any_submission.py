"""``submission``: the files of every other task for which the harness writes some."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission


@register
class AnySubmission(Submission):
    """As the harness has them; what their servers demand is not checked, only what was answered."""

    name: ClassVar[str] = "submission"
    summary: ClassVar[str] = "the file that lmms-eval would hand in, of any task that has one"
