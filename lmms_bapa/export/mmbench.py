"""``mmbench``: the sheets of MMBench, MMBench-CN and CCBench."""

from __future__ import annotations

from typing import ClassVar

from lmms_bapa.export.registry import register
from lmms_bapa.export.submission.base import Submission
from lmms_bapa.export.submission.checks import Columns


@register
class MMBench(Submission):
    """A sheet with the columns that the server's script reads: VLMEvalKit's mmb_eval_gradio.py."""

    name: ClassVar[str] = "mmbench"
    summary: ClassVar[str] = "the sheets of MMBench, MMBench-CN and CCBench"
    tasks: ClassVar[tuple[str, ...]] = (
        "mmbench_*_test",
        "mmbench_*",
    )
    columns: ClassVar[Columns] = {
        "index": int,
        "question": str,
        "prediction": str,
        **dict.fromkeys("ABCD", (str, int, float)),
    }
