"""What a back end's options say of the checkpoint, its processor and its chat template."""

from __future__ import annotations

from typing import Any, Protocol


class Checkpoint(Protocol):
    """The part of the loading options that every back end has."""

    @property
    def pretrained(self) -> str:
        """Hub id, folder, or the name of an embedded model."""

    @property
    def named(self) -> str:
        """The same as it is typed, for messages: ``pretrained=...`` or ``model=...``."""

    @property
    def revision(self) -> str | None:
        """Branch, tag or commit on the hub."""

    @property
    def trust_remote_code(self) -> bool:
        """Whether code of the checkpoint's repository may run."""

    @property
    def chat_template(self) -> str | None:
        """File of a Jinja template that replaces the checkpoint's own."""

    @property
    def processor(self) -> dict[str, Any]:
        """Options of the checkpoint's processor."""
