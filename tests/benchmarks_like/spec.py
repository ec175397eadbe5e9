"""What a benchmark needs here: a way to write it, a right reply and a wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset, Features, List, Value

Doc = Mapping[str, Any]
Rows = Sequence[dict[str, Any]]
# Configuration (a subset of the data set) -> split -> rows.
Tables = Mapping[str, Mapping[str, Rows]]

LETTERS = "ABCDEFGHIJ"
THINGS = ("cup", "kite", "boat", "lamp", "drum", "fork", "bell", "shoe", "tree", "clock")
TEXT, NUMBER = Value("string"), Value("int64")
TEXTS = List(TEXT)


@dataclass(frozen=True)
class Benchmark:
    """A built-in task on a small local data set.

    Attributes:
        folder: of the task below ``lmms_eval/tasks``.
        build: writes the data set below a folder, at the place that the task's hub id names.
        right: the reply that the task's own scorer counts.
        wrong: a reply that it can read and does not count.
    """

    folder: str
    build: Callable[[Path], None]
    right: Callable[[Doc], str]
    wrong: Callable[[Doc], str]


def save(
    folder: Path, hub_id: str, features: Features | Mapping[str, Features], tables: Tables
) -> None:
    """Writes parquet files and the card that names them, as a data set of the hub has them.

    Args:
        folder: where to.
        hub_id: of the data set, its folder below that.
        features: the columns, of each configuration if they differ.
        tables: the rows.
    """
    root = folder / hub_id
    root.mkdir(parents=True, exist_ok=True)
    configs = []
    for position, (config, splits) in enumerate(tables.items()):
        files = []
        columns = features if isinstance(features, Features) else features[config]
        for split, rows in splits.items():
            path = f"data-{position}/{split}.parquet"
            (root / path).parent.mkdir(exist_ok=True)
            Dataset.from_list(list(rows), features=columns).to_parquet(root / path)
            files.append({"split": split, "path": path})
        configs.append({"config_name": config, "data_files": files})
    card = yaml.safe_dump({"configs": configs}, sort_keys=False)
    (root / "README.md").write_text(f"---\n{card}---\n", encoding="utf-8")


def number(doc: Doc) -> int:
    """The number of a document in its data set, which every question here names."""
    words = " ".join(str(doc.get(key) or "") for key in ("question", "prompt", "text"))
    found = re.search(r"picture (\d+)", words, flags=re.IGNORECASE)
    assert found, words
    return int(found.group(1))


def options(position: int, count: int) -> list[str]:
    """So many different things, other ones at each position."""
    return [THINGS[(3 * position + k) % len(THINGS)] for k in range(count)]


def answer(position: int, count: int) -> str:
    """The letter of the right option; all letters in turn, not in their order."""
    return LETTERS[(3 * position + 1) % count]


def listed(things: Sequence[str], style: str = "{}. {}") -> str:
    """Options as lines of a question."""
    return "\n".join(
        style.format(letter, thing) for letter, thing in zip(LETTERS, things, strict=False)
    )


def other(letter: str, count: int) -> str:
    """The next of ``count`` letters."""
    return LETTERS[(LETTERS.index(letter) + 1) % count]
