"""One wrong input: what is typed, and what the message must speak of."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One input.

    Attributes:
        name: unique.
        command: as typed in a shell, with the shelf as working folder; variables of the
            environment may stand in front.
        says: what the message must contain, to be about this mistake.
    """

    name: str
    command: str
    says: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables that stand in front."""
        words = shlex.split(self.command)
        return dict(word.split("=", 1) for word in words[: words.index(self.program)])

    @property
    def program(self) -> str:
        """``lmms-bapa`` or ``lmms-eval``."""
        return next(w for w in shlex.split(self.command) if w in ("lmms-bapa", "lmms-eval"))

    @property
    def arguments(self) -> list[str]:
        """What stands behind the program."""
        words = shlex.split(self.command)
        return words[words.index(self.program) + 1 :]


def rows(prefix: str, stem: str, table: list[tuple[str, str, str]]) -> list[Row]:
    """Rows whose commands begin alike.

    Args:
        prefix: of the names.
        stem: the common beginning; a ``{}`` in it is where the rest goes.
        table: name, rest of the command, and what the message says.
    """
    whole = stem if "{}" in stem else f"{stem} {{}}"
    return [Row(f"{prefix}: {name}", whole.replace("{}", rest), says) for name, rest, says in table]
