"""Answers of a run, kept as they come, so that a killed run goes on where it was."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.reply import Reply, margin_of
from lmms_bapa.harness.requests import generation_settings

# Request arguments of the harness: context, doc_to_messages, generation, document, task, split.
Question = tuple[Any, ...]
Batch = Sequence[Question]


class Journal:
    """The answers of one setting of one configuration: one JSON line a batch.

    A batch is known only with the same questions in the same order: a row's numbers may depend on
    the other rows in their last bits, and a resumed run should equal an uninterrupted one. For the
    same reason sampled answers (a temperature above 0) are never kept: they depend on all that was
    drawn before.

    Args:
        path: the file; it is made with the first answer.
        answered: told how many questions were answered, and whether the model did it now.

    Raises:
        UsageError: the file cannot be read, or is damaged before its last line.
    """

    def __init__(self, path: Path, answered: Callable[[int, bool], None] | None = None) -> None:
        self.path = path
        self._answered = answered
        self._known, self._whole = _read(path)
        self._file: io.FileIO | None = None

    def recall(self, batch: Batch) -> list[GenerationResult] | None:
        """The answers to a batch, or None if it was not answered yet."""
        found = self._known.get(_key(batch))
        if found is None or len(found) != len(batch):
            return None
        self._tell(len(batch), now=False)
        return [_result(reply) for reply in found]

    def record(self, batch: Batch, replies: Sequence[GenerationResult]) -> None:
        """Writes the answers to a batch; they are safe from a kill when this returns.

        Raises:
            UsageError: they cannot be written.
        """
        if not _is_sampled(batch):
            line = {"batch": _key(batch), "replies": [_stored(reply) for reply in replies]}
            try:
                self._write(json.dumps(line).encode() + b"\n")
            except OSError as error:
                raise UsageError(
                    f"{self.path}: cannot be written ({error.strerror}): make room, then give the "
                    "same command again, which goes on here"
                ) from error
        self._tell(len(batch), now=True)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self.path.touch()
            self._file = self.path.open("r+b", buffering=0)
            self._file.truncate(self._whole)
            self._file.seek(self._whole)
        if self._file.write(line) != len(line):  # the rest did not fit
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _tell(self, count: int, now: bool) -> None:
        if self._answered is not None:
            self._answered(count, now)


def _is_sampled(batch: Batch) -> bool:
    return any(generation_settings(question[2], 1)[0]["do_sample"] for question in batch)


def _key(batch: Batch) -> str:
    """A digest of all that tells the questions of a batch from others."""
    told = [
        [task, split, document, generation, context]
        for context, _, generation, document, task, split in batch
    ]
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _stored(reply: GenerationResult) -> dict[str, Any]:
    counts = None if reply.token_counts is None else asdict(reply.token_counts)
    return {"text": str(reply.text), "margin": margin_of(reply.text), "tokens": counts}


def _result(stored: dict[str, Any]) -> GenerationResult:
    margin, counts = stored["margin"], stored["tokens"]
    return GenerationResult(
        text=Reply(stored["text"], math.nan if margin is None else margin),
        token_counts=None if counts is None else TokenCounts(**counts),
    )


def _read(path: Path) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """Reads a journal.

    Returns:
        The replies by batch, and the length of the file without a torn last line.
    """
    known: dict[str, list[dict[str, Any]]] = {}
    whole = 0
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return known, whole
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            batch, replies = entry["batch"], entry["replies"]
            torn = not line.endswith(b"\n")
        except (ValueError, KeyError, TypeError):
            torn = True
        if torn and number < len(lines):
            raise UsageError(
                f"{path}: line {number} is damaged: delete the file, and its questions are asked "
                "again"
            )
        if not torn:
            known[batch] = replies
            whole += len(line)
    return known, whole
