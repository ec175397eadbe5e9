"""What a journal knows is neither prepared nor asked again."""

from __future__ import annotations

from typing import Any

import pytest

from .harness_runs import adapter, requests_for
from .picture_questions import picture


def test_a_journal_is_asked_first_and_told_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lmms_bapa.harness.asking.EMBEDDED", {})
    model = adapter(batch_size=4)
    docs = [{"images": [picture(n % 6)] * (n % 3), "text": f"red star {n}"} for n in range(11)]
    want = model.generate_until(requests_for(model, docs))

    class Journal:
        def __init__(self) -> None:
            self.known: dict[tuple[int, ...], list[Any]] = {}
            self.told: list[tuple[int, ...]] = []

        def __len__(self) -> int:  # an empty journal is a journal
            return len(self.known)

        def recall(self, batch: list[Any]) -> list[Any] | None:
            return self.known.get(tuple(args[3] for args in batch))

        def record(self, batch: list[Any], replies: list[Any]) -> None:
            numbers = tuple(args[3] for args in batch)
            self.told.append(numbers)
            self.known[numbers] = replies

    journal = model.journal = Journal()
    for _ in range(2):
        assert model.generate_until(requests_for(model, docs)) == want
    assert journal.told == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10)]
    del journal.known[4, 5, 6, 7]
    assert model.generate_until(requests_for(model, docs)) == want
    assert journal.told[3:] == [(4, 5, 6, 7)]
