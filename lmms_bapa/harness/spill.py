"""A store of tensors that is bounded in memory and goes on in a folder, which is bounded, too.

Entries are any nesting of tensors in lists, tuples, mappings and model outputs. What was not used
for longest is written to disk once the memory is full, one file an entry, and read again on use.
When the disk has no more room either, new entries are not kept: whoever finds nothing has to
compute it again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import safetensors.torch
import torch
from loguru import logger
from safetensors import SafetensorError
from torch import Tensor
from torch.utils import _pytree as pytree

from lmms_bapa.errors import UsageError
from lmms_bapa.validation import reason


@dataclass
class _Entry:
    """One value: its tensors by place, and all else of it.

    Attributes:
        shape: what its leaves are put back into.
        leaves: the leaves, None where a tensor was.
        tensors: place -> copy on the CPU; None while it is on disk only.
        kept_as: place -> the tensor's device and strides.
        size: of the tensors in bytes.
        file: where it is on disk, if it was ever written.
        digest: of that file.
    """

    shape: pytree.TreeSpec
    leaves: list[Any]
    tensors: dict[int, Tensor] | None
    kept_as: dict[int, tuple[torch.device, tuple[int, ...]]]
    size: int
    file: Path | None = None
    digest: bytes = b""


class Spill:
    """Keeps values by key; safe to use from several threads.

    What is put in and what comes out are copies, on the device that they came from, so that nobody
    can write to what is kept.

    Args:
        memory_bytes: how much of the tensors may be in memory; default: a share of what is free.
        folder: where the rest goes, in a folder of its own; default: the system's temporary one.
        disk_bytes: how much may be in that folder; default: half of what is free.

    Attributes:
        written: how many entries went to disk.
        is_full: whether entries are turned away.
    """

    def __init__(
        self,
        memory_bytes: int | None = None,
        folder: Path | None = None,
        disk_bytes: int | None = None,
    ) -> None:
        self._budget = default_memory() if memory_bytes is None else memory_bytes
        self._disk = default_disk(folder) if disk_bytes is None else disk_bytes
        self._parent = folder
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._entries: dict[Hashable, _Entry] = {}
        # Those that are in memory, the least recently used first.
        self._resident: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._in_memory = 0
        self._lock = threading.RLock()
        self.written = 0
        self.is_full = False

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:  # not while it is being decided whether there is room for it
            return key in self._entries

    @property
    def in_memory(self) -> int:
        """Bytes of the tensors that are in memory."""
        return self._in_memory

    def put(self, key: Hashable, value: Any) -> None:
        """Keeps a copy of a value, if there is room; one that is there already is left as it is."""
        with self._lock:
            if key in self._entries or self.is_full:
                return
            entry = self._entries[key] = _entry(value)
            self._admit(key, entry)

    def get(self, key: Hashable) -> Any:
        """A copy of what was put there, or None.

        Raises:
            UsageError: it is on disk and cannot be read back, or is not what was written.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            tensors = entry.tensors
            if tensors is None:
                tensors = entry.tensors = _read(entry)
                self._admit(key, entry)
            else:
                self._resident.move_to_end(key)
            leaves = list(entry.leaves)
            for place, tensor in tensors.items():
                leaves[place] = tensor.to(entry.kept_as[place][0], copy=True)
        return pytree.tree_unflatten(leaves, entry.shape)

    def close(self) -> None:
        """Forgets everything and removes the folder."""
        with self._lock:
            self._entries.clear()
            self._resident.clear()
            self._in_memory = 0
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _admit(self, key: Hashable, entry: _Entry) -> None:
        """Counts an entry as in memory, and makes room for it; it may be the one that has to go."""
        self._resident[key] = entry
        self._in_memory += entry.size
        while self._in_memory > self._budget:
            oldest = next(iter(self._resident))
            if self._resident[oldest].file is None and not self._write(self._resident[oldest]):
                # Settings ask in the same order again: with the oldest gone, none would be found.
                oldest = key
            gone = self._resident.pop(oldest)
            gone.tensors = None
            self._in_memory -= gone.size
            if gone.file is None:
                del self._entries[oldest]

    def _write(self, entry: _Entry) -> bool:
        """Writes an entry to disk; False if there is no room."""
        if self.is_full:
            return False
        assert entry.tensors is not None
        data = safetensors.torch.save(
            {str(place): t.contiguous() for place, t in entry.tensors.items()}
        )
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(
                    prefix="pictures-", dir=self._parent, ignore_cleanup_errors=True
                )
            if len(data) > self._disk:
                raise OSError("half of what was free there is in use")
            file = Path(self._folder.name, f"{self.written}.safetensors")
            half = file.with_suffix(".half")
            try:
                half.write_bytes(data)
                os.replace(half, file)
            finally:
                half.unlink(missing_ok=True)
        except OSError as error:
            self.is_full = True
            folder = self._parent or tempfile.gettempdir()
            logger.warning(
                f"encoded pictures fit neither into {self._budget / 2**20:,.0f} MiB of memory nor "
                f"into {folder} ({reason(error)}): the rest is encoded again for each setting"
            )
            return False
        entry.file, entry.digest = file, hashlib.sha256(data).digest()
        self.written += 1
        self._disk -= len(data)
        return True


def default_memory() -> int:
    """A quarter of the memory that is free now, shared by the processes of this machine."""
    processes = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    return int(psutil.virtual_memory().available) // 4 // processes


def default_disk(folder: Path | None) -> int:
    """Half of what is free in a folder now, shared by the processes of this machine."""
    processes = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    try:
        return shutil.disk_usage(folder or tempfile.gettempdir()).free // 2 // processes
    except OSError:  # writing to it will say what is wrong
        return 0


def _entry(value: Any) -> _Entry:
    leaves, shape = pytree.tree_flatten(value)
    devices = {i: leaf.device for i, leaf in enumerate(leaves) if torch.is_tensor(leaf)}
    tensors = {i: leaves[i].detach().to("cpu", copy=True) for i in devices}
    return _Entry(
        shape,
        [None if i in devices else leaf for i, leaf in enumerate(leaves)],
        tensors,
        {i: (device, tensors[i].stride()) for i, device in devices.items()},
        sum(t.numel() * t.element_size() for t in tensors.values()),
    )


def _read(entry: _Entry) -> dict[int, Tensor]:
    assert entry.file is not None
    try:
        data = entry.file.read_bytes()
        if hashlib.sha256(data).digest() != entry.digest:
            raise OSError("it is not what was written")
        read = safetensors.torch.load(data)
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"encoded pictures cannot be read back from {entry.file} ({reason(error)}): start again"
        ) from error
    return {int(i): _laid_out(tensor, entry.kept_as[int(i)][1]) for i, tensor in read.items()}


def _laid_out(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    """The same values in another memory layout: kernels, and their last bits, may depend on it."""
    if tensor.stride() == strides:
        return tensor
    return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)
