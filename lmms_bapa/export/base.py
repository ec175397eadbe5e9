"""What an exporter is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lmms_bapa.export.source import Source


@dataclass(frozen=True)
class ExportFile:
    """One file of an export.

    Attributes:
        path: relative to the folder of the export.
        content: its bytes, the same for the same results and options.
    """

    path: PurePosixPath
    content: bytes

    @classmethod
    def text(cls, path: str | PurePosixPath, text: str) -> ExportFile:
        """A file of text, in UTF-8."""
        return cls(PurePosixPath(path), text.encode())


class Exporter(BaseModel):
    """Turns results into files that another tool takes. Subclasses are one file each.

    The fields of a subclass are its options: what users write as ``option=value``. An exporter
    reads results and makes files in memory; it never writes, and never sends anything.

    Attributes:
        name: what users write after ``--to``.
        summary: one line for the list of exporters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    summary: ClassVar[str]

    def files(self, source: Source) -> Iterator[ExportFile]:
        """The files of an export.

        Args:
            source: the results.

        Raises:
            UsageError: the results lack what the format needs.
        """
        raise NotImplementedError
