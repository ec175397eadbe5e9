"""Characters that no sheet can hold are taken off the replies, and cost nobody a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, fromstring

import pandas as pd
import pytest
from lmms_eval.api.instance import GenerationResult

from lmms_bapa.harness.reply import Reply, clean, without_control_characters

from .benchmarks_like.runs import run
from .harness_runs import adapter, replies

MMBENCH = "mmbench_en_test"


def test_the_characters_are_those_that_no_xml_can_hold() -> None:
    """An XML parser says which; around every edge of what the standard allows."""
    edges = (0x7F, 0xA0, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFD)
    near = {code + step for code in edges for step in range(-3, 3)}
    for code in sorted({*range(0x40), *near}):
        text = f"a{chr(code)}b"
        try:
            fromstring(
                f"<a>{'&lt;' if code == 0x3C else '&amp;' if code == 0x26 else chr(code)}</a>"
            )
            kept = text
        except (ParseError, UnicodeEncodeError):
            kept = "ab"
        assert without_control_characters(text) == kept, hex(code)
    assert without_control_characters("\U0010ffff") == "\U0010ffff"


def test_a_cleaned_reply_keeps_its_margin() -> None:
    batch = [GenerationResult(text=Reply(t, 1.5)) for t in ("Yes\x00", "Yes", "\x1b[0mNo")]
    assert clean(batch) == 2
    assert [str(r.text) for r in batch] == ["Yes", "Yes", "[0mNo"]
    assert [r.text.margin for r in batch] == [1.5] * 3
    plain = [GenerationResult(text="a\x01")]
    assert (clean(plain), plain[0].text) == (1, "a")


def test_control_characters_in_replies_do_not_cost_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness's own sheet, written in the run, by our adapter."""
    from lmms_bapa.harness import adapter as module

    def hostile(*arguments: Any) -> list[GenerationResult]:
        part = arguments[3]
        return [GenerationResult(text=Reply("A\x00\x1b\ud800", 0.5)) for _ in part.rows]

    monkeypatch.setattr(module, "answer", hostile)
    results = run(adapter(batch_size=4), MMBENCH, tmp_path, log_samples=True)
    sheet = pd.read_excel(tmp_path / "submissions" / "mmbench_en_test_results.xlsx")
    assert list(sheet["prediction"]) == ["A"] * 9
    assert set(replies(results, MMBENCH).values()) == {"A"}
