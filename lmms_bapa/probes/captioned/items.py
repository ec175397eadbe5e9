"""Candidates become items: pictures that can be read, each once, each with one caption."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.pixels import strict, suffix_of
from lmms_bapa.probes.captioned.tables import offenders
from lmms_bapa.validation import reason


@dataclass(frozen=True)
class Candidate:
    """A picture and its caption, not yet read.

    Attributes:
        name: how the user knows the picture.
        caption: its caption.
        read: gives its bytes.
    """

    name: str
    caption: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Item:
    """A picture that was read, and is whole.

    Attributes:
        name: how the user knows it.
        caption: its caption.
        sha256: of its bytes.
        suffix: of a file with these bytes, such as ``.jpg``.
        read: gives its bytes again.
    """

    name: str
    caption: str
    sha256: str
    suffix: str
    read: Callable[[], bytes] = field(compare=False)

    @property
    def wording(self) -> str:
        """The caption as it counts in comparisons: two items of one wording never meet."""
        return self.caption.casefold().rstrip(" .!?;,")


def collect(candidates: Iterable[Candidate]) -> tuple[list[Item], list[str]]:
    """Reads and decodes every candidate.

    Args:
        candidates: in the order in which they are to be numbered.

    Returns:
        The items, and remarks for the user: what was left out, and how often.

    Raises:
        UsageError: pictures that cannot be decoded, or captions that are empty.
    """
    items: dict[str, Item] = {}
    broken, unnamed, repeated = [], [], 0
    with strict():
        for candidate in candidates:
            if not candidate.caption:
                unnamed.append(candidate.name)
                continue
            try:
                data = candidate.read()
                suffix = suffix_of(data)
            except (UsageError, OSError) as error:
                broken.append(f"{candidate.name} ({reason(error)})")
                continue
            digest = hashlib.sha256(data).hexdigest()
            if digest in items:
                repeated += 1
                continue
            items[digest] = Item(candidate.name, candidate.caption, digest, suffix, candidate.read)
    if broken:
        raise UsageError(offenders("pictures that cannot be used", broken))
    if unnamed:
        raise UsageError(offenders("pictures with an empty caption", unnamed))
    remarks = [f"pictures left out as copies of others: {repeated}"] if repeated else []
    return list(items.values()), remarks
