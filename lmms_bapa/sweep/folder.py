"""The output folder of a sweep: whose it is, what is finished in it, what may be written to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout
from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.places import check_place
from lmms_bapa.provenance.manifest_format import Manifest, differences
from lmms_bapa.results.folders import JOURNAL, MANIFEST, SWEEP
from lmms_bapa.sweep.config import SweepConfig, config_text
from lmms_bapa.sweep.plan import Setting
from lmms_bapa.whole_file import partial, write_whole

CONDITIONS, LOCK, PICTURES = "conditions.json", ".lock", ".pictures"
_OTHER = "give another --output, or delete that folder"
# Sample log and journal of one answer; measured on the probe, 2.0 kB, with room to spare.
BYTES_PER_ANSWER = 8 * 1024


class SweepFolder:
    """A folder that this process holds, so that no other sweep writes to it.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, setting: Setting) -> Path:
        """The folder of a setting."""
        return self.path / setting.folder

    def is_finished(self, setting: Setting) -> bool:
        """Whether a setting is finished: its manifest is written last."""
        return (self.place(setting) / MANIFEST).is_file()

    def journal(self, setting: Setting, rank: int) -> Path:
        """Where a process keeps its answers."""
        name = JOURNAL if rank == 0 else JOURNAL.replace(".", f".{rank}.")
        return self.place(setting) / name

    @property
    def pictures(self) -> Path:
        """Where encoded pictures go that the memory does not hold."""
        return self.path / PICTURES

    @property
    def has_answers(self) -> bool:
        """Whether any question was answered here."""
        journals = self.path.glob(f"*/{Path(JOURNAL).stem}*.jsonl")
        return any(p.stat().st_size for p in journals) or any(self.path.glob(f"*/{MANIFEST}"))

    def check(self, config: SweepConfig) -> None:
        """Compares the sweep that is here already, if any, with the one that is wanted.

        More values in the grid are welcome: their settings are added.

        Raises:
            UsageError: the folder holds something else.
        """
        file = self.path / SWEEP
        if not file.is_file():
            ours = {LOCK, partial(file).name}  # of a sweep that was killed as it began
            others = [p.name for p in self.path.iterdir() if p.name not in ours]
            if others:
                raise UsageError(
                    f"--output {self.path}: holds other files, such as {min(others)}: give a new "
                    "or an empty folder"
                )
            return
        if not self.has_answers:
            return
        old = _read_config(file)
        for name in SweepConfig.model_fields:
            before, now = getattr(old, name), getattr(config, name)
            if name == "grid":
                if before.keys() == now.keys() and all(
                    v in now[k] for k in before for v in before[k]
                ):
                    continue
                before, now = _shown(before), _shown(now)
            if before != now:
                raise UsageError(
                    f"--output {self.path}: holds a sweep with another {name} ({before} there, "
                    f"{now} here): {_OTHER}"
                )

    def check_conditions(self, now: Manifest) -> None:
        """Compares versions, model and tasks with those of the answers that are here already.

        Raises:
            UsageError: they are not the same.
        """
        file = self.path / CONDITIONS
        if not (file.is_file() and self.has_answers):
            return
        try:
            before = Manifest.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"{file}: cannot be read: {_OTHER}") from error
        told = differences(before, now)
        if told:
            more = f", and {len(told) - 1} more" if len(told) > 1 else ""
            raise UsageError(
                f"--output {self.path}: its answers and new ones would be of mixed versions "
                f"({told[0]}{more}): go on with what it was begun with, or {_OTHER}"
            )

    def begin(self, config: SweepConfig, conditions: Manifest) -> None:
        """Writes down what is run, and under which conditions."""
        # What is run comes first: by this file the folder is known as a sweep's.
        write_whole(self.path / SWEEP, config_text(config))
        write_whole(self.path / CONDITIONS, conditions.model_dump_json(indent=2) + "\n")
        shutil.rmtree(self.pictures, ignore_errors=True)  # of a run that was killed
        self.pictures.mkdir()

    def end(self) -> None:
        """Removes what is of no use any more."""
        shutil.rmtree(self.pictures, ignore_errors=True)

    def clear(self, setting: Setting) -> None:
        """Removes all that an unfinished setting left, except the answers."""
        place = self.place(setting)
        place.mkdir(exist_ok=True)
        for child in place.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif not child.name.startswith(Path(JOURNAL).stem):
                child.unlink()


def _read_config(file: Path) -> SweepConfig:
    try:
        return SweepConfig(**yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise UsageError(f"{file}: cannot be read: {_OTHER}") from error


def _shown(grid: Mapping[str, Sequence[Any]]) -> str:
    return " ".join(f"{key}={','.join(map(str, values))}" for key, values in grid.items())


def check_room(path: Path, answers: int) -> None:
    """Looks whether the disk has room for so many answers.

    Raises:
        UsageError: it has not.
    """
    free, needed = shutil.disk_usage(path).free, answers * BYTES_PER_ANSWER
    if free < needed:
        raise UsageError(
            f"--output {path}: {free / 2**20:,.0f} MiB are free there, and {answers:,} answers "
            f"need about {needed / 2**20:,.0f} MiB: make room, or give another --output"
        )


@contextmanager
def held(path: Path) -> Iterator[SweepFolder]:
    """Makes a folder and keeps other sweeps out of it; the system lets go when a process dies.

    Raises:
        UsageError: another sweep holds it, or it cannot be written to.
    """
    check_place(path)
    is_new, had_lock = not path.exists(), (path / LOCK).exists()
    lock = FileLock(path / LOCK, timeout=0)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"--output {path}: another sweep is writing there: wait for it, or give another folder"
        ) from error
    except (OSError, NotImplementedError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"--output {path}: cannot be written to ({said})") from error
    try:
        yield SweepFolder(path)
    finally:
        if is_new and [p.name for p in path.iterdir()] == [LOCK]:
            shutil.rmtree(path)  # nothing was begun
        elif not had_lock and not (path / SWEEP).exists():
            (path / LOCK).unlink()
        lock.release()
