"""What a request of the harness asks for: its documents, and its generation arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from datasets import Dataset
from transformers import GenerationConfig

GENERATION_KEYS = frozenset(GenerationConfig().to_dict()) - {"max_length", "until"}


def fetch(task_dict: dict[str, Any], keys: Sequence[tuple[str, str, int]]) -> list[Any]:
    """Documents by (task, split, number). A data set reads many rows as fast as one."""
    found: dict[tuple[str, str, int], Any] = {}
    for task, split in dict.fromkeys(key[:2] for key in keys):
        documents = task_dict[task][split]
        wanted = list(dict.fromkeys(i for t, s, i in keys if (t, s) == (task, split)))
        is_table = isinstance(documents, Dataset)
        rows = documents.__getitems__(wanted) if is_table else [documents[i] for i in wanted]
        found |= {(task, split, i): row for i, row in zip(wanted, rows, strict=True)}
    return [found[key] for key in keys]


def generation_settings(
    asked: dict[str, Any], max_new_tokens: int
) -> tuple[dict[str, Any], list[str]]:
    """Translates a task's generation arguments.

    Greedy unless the task asks for a temperature above 0. Arguments that transformers does not
    know are other adapters' business, as everywhere in the harness.

    Args:
        asked: what the task asks for.
        max_new_tokens: length of a reply where the task does not say.

    Returns:
        Arguments of ``generate``, and the strings at which a reply ends.
    """
    asked = dict(asked)
    until = asked.pop("until", None) or []
    stops = [until] if isinstance(until, str) else list(until)
    temperature = asked.pop("temperature", 0) or 0
    settings = {k: v for k, v in asked.items() if k in GENERATION_KEYS and v is not None}
    settings["do_sample"] = temperature > 0
    if temperature > 0:
        settings["temperature"] = temperature
    else:
        settings.pop("top_p", None)
        settings.pop("top_k", None)
    settings.setdefault("max_new_tokens", max_new_tokens)
    return settings, [s for s in stops if s]


def cut_at(text: str, stops: Iterable[str]) -> str:
    """The text before the first of the stop strings."""
    for stop in stops:
        text = text.split(stop, 1)[0]
    return text
