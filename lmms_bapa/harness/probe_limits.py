"""What an embedded model may be asked: the grid and the words that it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from loguru import logger

from lmms_bapa.embedded import embedded_path
from lmms_bapa.errors import UsageError


def _tasks(requests: Sequence[Any]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((r.args[4], r.args[5]) for r in requests))


def check(name: str, tokenizer: Any, requests: Sequence[Any], task_dict: Mapping[str, Any]) -> None:
    """Refuses probes outside the training of an embedded model, before the first answer.

    Raises:
        UsageError: another grid, or a caption outside the vocabulary.
    """
    path = embedded_path(name)
    assert path is not None
    limits = json.loads((path / "probe.json").read_text(encoding="utf-8"))
    known = set(limits["captions"])
    for task, split in _tasks(requests):
        documents = task_dict[task][split]
        # Our own probes are plain tables; a shifted task is not, whatever its columns are called.
        columns = set(documents.column_names) if isinstance(documents, Dataset) else set()
        side = limits["rows"]
        for rows in set(documents.unique("rows")) - {side} if "rows" in columns else ():
            raise UsageError(
                f"{task}: {name} knows {side} x {side} grids only, not {rows} x {rows}: "
                "leave dataset_kwargs.rows at 3, or use a real model"
            )
        if not {"caption", "tiles", "layout"} <= columns:
            _warn_about_words(name, tokenizer, requests, task)
            continue
        _warn_about_layouts(name, documents, task)
        for caption in documents.unique("caption"):
            if caption not in known:
                raise UsageError(
                    f"{task}: {caption!r} is not in the vocabulary of {name}: "
                    "leave dataset_kwargs.objects at core, or use a real model"
                )


def _warn_about_layouts(name: str, documents: Any, task: str) -> None:
    """Says once that pictures stand where the model never saw any: it may be asked, and misses."""
    for layout in sorted(set(documents.unique("layout")) - {"grid"}):
        logger.warning(
            f"{task}: {name} was trained on the regular grid and misses more with layout: {layout}"
        )


def _warn_about_words(name: str, tokenizer: Any, requests: Sequence[Any], task: str) -> None:
    """Says once that a task speaks a language that the model never learned."""
    text = next(r.args[0] for r in requests if r.args[4] == task)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    unknown = sum(i == tokenizer.unk_token_id for i in ids)
    if unknown:
        logger.warning(
            f"{task}: {name} does not know {unknown} of the {len(ids)} words of its first "
            "question. It was trained on our own probes alone: scores here mean nothing"
        )
