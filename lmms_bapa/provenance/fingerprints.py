"""Digests that tell whether weights, processors and answers are the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from loguru import logger

_WEIGHTS = ("*.safetensors", "*.bin")  # the first kind that is there
_PROCESSOR = (
    "*processor_config.json",
    "*token*.json",
    "vocab*",
    "merges*",
    "*.model",
    "chat_template*",
)
_MUCH = 2**30
_SHA256 = re.compile(r"[0-9a-f]{64}")


def text_digest(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def weights_digest(folder: Path) -> str | None:
    """SHA-256 over the weight files of a checkpoint in the order of their names.

    It is the digest of what ``sha256sum`` prints of them, so that a user may check it:
    ``sha256sum *.safetensors | sha256sum``. In a cache of the hub the names of the files' targets
    are their SHA-256 already, and nothing is read.

    Returns:
        The digest, or None if there are no weight files.
    """
    for pattern in _WEIGHTS:
        files = sorted(folder.glob(pattern))
        if files:
            return _digest(files)
    return None


def processor_digest(folder: Path) -> str | None:
    """The same over the files of tokenizer, image processor and chat template."""
    files = sorted({path for pattern in _PROCESSOR for path in folder.glob(pattern)})
    return _digest(files) if files else None


def _digest(files: Sequence[Path]) -> str:
    lines = [f"{_file_digest(path)}  {path.name}\n" for path in files]
    return text_digest("".join(lines))


def _file_digest(path: Path) -> str:
    target = path.resolve()
    if path.is_symlink() and target.parent.name == "blobs" and _SHA256.fullmatch(target.name):
        return target.name
    facts = target.stat()
    return _content_digest(target, facts.st_size, facts.st_mtime_ns)


@cache
def _content_digest(path: Path, size: int, changed: int) -> str:
    """Reads a file once in a process, as long as it does not change."""
    del changed
    if size > _MUCH:
        logger.info(f"hashing {path.name}, {size / _MUCH:.1f} GiB")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reply_of(sample: Mapping[str, Any]) -> str:
    """The answer in a line of a sample log, or in what the harness has before it writes one.

    One reply is the text itself, several (or none) are a JSON list.
    """
    found = sample.get("filtered_resps")
    while isinstance(found, list | tuple) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, str) else json.dumps(found, default=str, ensure_ascii=False)


def answers_digest(samples: Mapping[str, Iterable[Mapping[str, Any]]]) -> str:
    """SHA-256 over all (task, number of the document, reply), sorted.

    Args:
        samples: lines of the sample logs, by task.
    """
    answers = sorted(
        (task, int(sample["doc_id"]), reply_of(sample))
        for task, lines in samples.items()
        for sample in lines
    )
    return text_digest(json.dumps(answers, ensure_ascii=False))
