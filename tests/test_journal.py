"""The journal: what was answered is known again, exactly, and nothing else is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmms_eval.api.instance import GenerationResult, TokenCounts

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.journal import Journal
from lmms_bapa.harness.reply import Reply


def question(**changes: Any) -> tuple[Any, ...]:
    told = {
        "context": "Is it there?",
        "messages": print,
        "generation": {"max_new_tokens": 4, "until": ["\n"]},
        "document": 7,
        "task": "t",
        "split": "test",
    }
    return tuple((told | changes).values())


def reply(text: str, margin: float = math.nan, tokens: int | None = None) -> GenerationResult:
    counts = None if tokens is None else TokenCounts(output_tokens=tokens)
    return GenerationResult(text=Reply(text, margin), token_counts=counts)


def told(replies: list[GenerationResult] | None) -> list[Any]:
    assert replies is not None
    return [(r.text, repr(r.text.margin), r.token_counts) for r in replies]


def test_a_new_process_knows_what_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    batches = [[question(document=i), question(document=i + 1)] for i in (0, 2, 4)]
    answers = [
        [reply("Yes", 0.1 + 0.2, 1), reply("No", -7.25, 2)],
        [reply('Grün\n\u2028\ud800 "', math.nan), reply("")],
        [reply("a"), reply("b", 1e-17)],
    ]
    first = Journal(path)
    for batch, found in zip(batches, answers, strict=True):
        assert first.recall(batch) is None
        first.record(batch, found)
    # Not closed: a killed process does not close its files either.
    second = Journal(path)
    for batch, found in zip(batches, answers, strict=True):
        assert told(second.recall(batch)) == told(found)
    assert len(path.read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"context": "Is it here?"},
        {"generation": {"max_new_tokens": 5, "until": ["\n"]}},
        {"document": 8},
        {"task": "u"},
        {"split": "validation"},
    ],
)
def test_another_question_is_not_known(tmp_path: Path, change: dict[str, Any]) -> None:
    journal = Journal(tmp_path / "j")
    journal.record([question()], [reply("Yes")])
    again = Journal(tmp_path / "j")
    assert again.recall([question()]) is not None
    assert again.recall([question(**change)]) is None


def test_a_batch_is_known_as_a_whole_only(tmp_path: Path) -> None:
    one, two, three = (question(document=i) for i in range(3))
    journal = Journal(tmp_path / "j")
    journal.record([one, two], [reply("1"), reply("2")])
    again = Journal(tmp_path / "j")
    for other in ([one], [two], [two, one], [one, two, three], [one, three]):
        assert again.recall(other) is None


@given(cut=st.integers(min_value=1, max_value=200))
@settings(max_examples=30, deadline=None)
def test_a_file_cut_anywhere_loses_one_batch_at_most(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    batches = [[question(document=i)] for i in range(4)]
    journal = Journal(path)
    for batch in batches[:3]:
        journal.record(batch, [reply("Yes", 1.5)])
    journal.close()
    content = path.read_bytes()
    last = len(content.splitlines(keepends=True)[-1])
    path.write_bytes(content[: len(content) - min(cut, last)])

    again = Journal(path)
    known = [again.recall(batch) is not None for batch in batches]
    assert known == [True, True, False, False]
    again.record(batches[3], [reply("No")])  # nothing is glued to the torn line
    again.close()
    third = Journal(path)
    assert [third.recall(b) is not None for b in batches] == [True, True, False, True]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_damage_in_the_middle_is_said(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    for i in range(3):
        journal.record([question(document=i)], [reply("Yes")])
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"batch": \n' + lines[2])
    with pytest.raises(UsageError, match=r"j: line 2 is damaged: delete the file"):
        Journal(path)


def test_a_file_that_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Journal(tmp_path)
    journal = Journal(tmp_path / "no" / "folder")
    with pytest.raises(UsageError, match=r"cannot be written .* give the same command again"):
        journal.record([question()], [reply("Yes")])


def test_a_full_disk_is_said_and_loses_one_batch(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # a limit of the file's size acts as a full disk
    path = tmp_path / "j"
    journal = Journal(path)
    journal.record([question(document=1)], [reply("Yes")])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(UsageError, match=r"cannot be written \(.*\): make room, then give"):
            journal.record([question(document=2)], [reply("No")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.close()
    again = Journal(path)
    assert again.recall([question(document=1)]) is not None
    assert again.recall([question(document=2)]) is None


def test_sampled_answers_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    sampled = [question(generation={"temperature": 0.7, "do_sample": True})]
    journal.record(sampled, [reply("Maybe")])
    journal.record([question(generation={"temperature": 0})], [reply("Yes")])
    assert Journal(path).recall(sampled) is None
    assert len(path.read_bytes().splitlines()) == 1


def test_progress_hears_of_new_and_of_known_answers(tmp_path: Path) -> None:
    heard: list[tuple[int, bool]] = []
    first = Journal(tmp_path / "j", lambda count, now: heard.append((count, now)))
    batch = [question(document=1), question(document=2)]
    first.recall(batch)
    first.record(batch, [reply("Yes"), reply("No")])
    Journal(tmp_path / "j", lambda count, now: heard.append((count, now))).recall(batch)
    assert heard == [(2, True), (2, False)]
