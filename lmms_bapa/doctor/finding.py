"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the screen.

    Attributes:
        name: what was looked at.
        status: a ``note`` is a part that is not there and is not needed; a ``warning`` may spoil
            something; with a ``problem`` something that is needed does not work.
        said: what was found.
        remedy: what to do, one line; empty if nothing.
    """

    name: str
    status: Status
    said: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]
