"""The folder of a probe: documents, pictures, a manifest of both, and a task's YAML.

The manifest has the SHA-256 of everything, and the YAML has that of the manifest, so that an answer
that the harness keeps belongs to these pictures and no others. No file holds a path: the folder
may be moved.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from lmms_bapa import __version__
from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.tables import offenders
from lmms_bapa.validation import reason

MANIFEST, DOCUMENTS, PICTURES = "manifest.json", "documents.jsonl", "pictures"


class File(BaseModel):
    """What a file was when the folder was made.

    Attributes:
        sha256: of its bytes.
        size: in bytes.
        caption: of a picture; None where the documents have it.
        source: the picture's name before it was taken in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    size: int
    caption: str | None = None
    source: str | None = None


class Manifest(BaseModel):
    """The contents of ``manifest.json``.

    Attributes:
        kind: ``captioned``, or ``laion`` for canvases that were composed by others.
        generator: version of the code that made it.
        package: version of lmms-bapa that made it.
        specification: what it was made from.
        documents: the file with one question a line.
        questions: how many.
        pictures: by their names in the folder of pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    generator: str
    package: str = __version__
    specification: dict[str, Any]
    documents: File
    questions: int
    pictures: dict[str, File]


def fact(data: bytes, **more: Any) -> File:
    """A file's entry in the manifest."""
    return File(sha256=hashlib.sha256(data).hexdigest(), size=len(data), **more)


def dump_lines(documents: list[dict[str, Any]]) -> bytes:
    """Documents as JSON lines."""
    return "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents).encode()


def seal(folder: Path, manifest: Manifest, name: str, task_class: str) -> None:
    """Writes the manifest and the YAML, last of all files.

    Args:
        folder: with documents and pictures in place.
        manifest: what is there.
        name: of the task.
        task_class: its dotted path.
    """
    content = manifest.model_dump(exclude_none=True)
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (folder / MANIFEST).write_bytes(text.encode())
    metadata = {
        "version": 1.0,
        "generator": manifest.generator,
        "manifest": hashlib.sha256(text.encode()).hexdigest(),
    }
    # The harness turns this name of a file into its place beside the YAML.
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": DOCUMENTS}}
    (folder / f"{name}.yaml").write_text(
        f"task: {name}\nclass: !function {task_class}\n"
        + yaml.safe_dump({**data, "metadata": metadata}, sort_keys=False),
        encoding="utf-8",
    )


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A folder to write in, which becomes ``output`` at the end, whole or not at all.

    Raises:
        UsageError: ``output`` is there and not empty, or cannot be made.
    """
    check_vacant(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".lmms-bapa-") as scratch:
            made = Path(scratch) / "folder"
            (made / PICTURES).mkdir(parents=True)
            yield made
            check_vacant(output)
            if output.is_dir():
                output.rmdir()
            made.rename(output)
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror or error}") from error


def check_vacant(output: Path) -> None:
    """Refuses an output folder in which something would be overwritten.

    Raises:
        UsageError: it is a file, or a folder that is not empty.
    """
    try:
        taken = output.exists() and (not output.is_dir() or any(output.iterdir()))
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror}") from error
    if taken:
        raise UsageError(f"--output {output}: it is there already; give a new folder")


class ProbeFolder:
    """A finished folder, as a task reads it.

    Args:
        path: of the folder.
        kind: of probe that is wanted.
        metadata: the YAML's; its ``manifest`` is the SHA-256 of the manifest.

    Raises:
        UsageError: the manifest is missing, is another one, or is of another kind.
    """

    def __init__(self, path: Path, kind: str, metadata: Mapping[str, Any]) -> None:
        self.path = path
        data = self._bytes(MANIFEST)
        if hashlib.sha256(data).hexdigest() != metadata.get("manifest"):
            raise UsageError(
                f"{path / MANIFEST}: not the manifest that the YAML beside it names; make the "
                "folder again"
            )
        try:
            self.manifest = Manifest.model_validate_json(data)
        except ValidationError as error:
            raise UsageError(f"{path / MANIFEST}: {reason(error)}") from error
        if self.manifest.kind != kind:
            raise UsageError(f"{path}: a {self.manifest.kind} folder, not a {kind} one")

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise UsageError(f"{self.path / name}: {error.strerror}") from error

    def documents(self) -> list[dict[str, Any]]:
        """The questions.

        Raises:
            UsageError: they are missing, or not those of the manifest.
        """
        data = self._bytes(DOCUMENTS)
        if fact(data) != self.manifest.documents:
            raise UsageError(f"{self.path / DOCUMENTS}: changed since it was made; make it again")
        return [json.loads(line) for line in data.decode().split("\n") if line]

    def read(self, name: str) -> bytes:
        """A picture's bytes, which are those of the manifest.

        Raises:
            UsageError: it is missing or was changed.
        """
        data = self._bytes(f"{PICTURES}/{name}")
        if hashlib.sha256(data).hexdigest() != self.manifest.pictures[name].sha256:
            raise UsageError(
                f"{self.path / PICTURES / name}: changed since the probe was made; make it again"
            )
        return data

    def check(self, contents: bool) -> None:
        """Compares all pictures with the manifest.

        Args:
            contents: whether to read them all; else only their sizes are looked at, and
                :meth:`read` sees the rest.

        Raises:
            UsageError: some are missing or were changed.
        """
        changed = []
        for name, known in self.manifest.pictures.items():
            path = self.path / PICTURES / name
            if not path.is_file():
                changed.append(f"{name} (missing)")
            elif path.stat().st_size != known.size or (contents and not self._same(name)):
                changed.append(f"{name} (changed)")
        if changed:
            raise UsageError(offenders(f"pictures in {self.path} are not as made", changed))

    def _same(self, name: str) -> bool:
        digest = hashlib.sha256(self._bytes(f"{PICTURES}/{name}")).hexdigest()
        return digest == self.manifest.pictures[name].sha256
