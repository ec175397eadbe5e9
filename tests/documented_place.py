"""Where documented commands are run: what stands in for what their reader has.

Names of the hub stay as typed. transformers and datasets take a folder of that name in front of
the hub, so a small checkpoint or data set in such a folder is what the command finds.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lmms_bapa.embedded import embedded_path
from lmms_bapa.export.registry import EXPORTERS

from .benchmarks_like import ALL
from .benchmarks_like.gqa import GQA
from .captioned_pictures import laion_copy
from .checkpoints import SAVED
from .documented_commands import Command


def _embedded(folder: Path) -> None:
    source = embedded_path("micro-llava")
    assert source is not None
    shutil.copytree(source, folder)


def _saved(name: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        shutil.copytree(SAVED[name].save(name, folder.with_suffix(".made")), folder)

    return save


def _laion(folder: Path) -> None:
    """The paper's published probe, as its reader downloads it: one group of drawings."""
    listed, _ = laion_copy(folder.parent, groups=1)
    listed.rename(folder)


# Checkpoints that documents name -> what stands in their place.
CHECKPOINTS: dict[str, Callable[[Path], None]] = {
    "llava-hf/llava-1.5-7b-hf": _embedded,
    "Qwen/Qwen2.5-VL-7B-Instruct": _saved("qwen2_5_vl"),
    "Qwen/Qwen2.5-VL-72B-Instruct": _saved("qwen2_5_vl"),
}
# Data sets: those of the other tests, and what documents name beside them.
DATA = [*ALL.values(), GQA]
# Files of the reader's own.
OWN: dict[str, Callable[[Path], None]] = {"laion.json": _laion}
# Single runs that documents name -> the setting of the sweep that stands in their place. Any
# other folder below runs/ is the whole sweep, unless a command of the page made it before.
SINGLE = {
    "runs/a": "off",
    "runs/b": "bapa=true",
    "runs/stock": "off",
    "runs/bapa": "bapa=true",
    "runs/pilot": "off",
}
# The sweep, and what is asked in it: by default one task, which every command can read, and
# which micro-llava finds hard enough for all of them to have something to say.
SWEEP = (
    *("sweep", "--model", "llava_bapa", "--batch_size", "32", "--output", "runs/x"),
    *("--model_args", "pretrained=micro-llava"),
    *("--grid", "bapa=false,true", "--limit", "36", "--tasks"),
)
TASK = "spatial_probe_free"
TASKS = {"docs/export.md": "spatial_probe_lite,pope"}
# Of those exporters that are for tasks with files to hand in.
SUBMITTED = "mmbench_en_dev_static,mmbench_en_test,textvqa_val"
_WRITES = ("--output", "--output_path", "--output-path", "--runs", "--out")


def furnish(home: Path) -> Path:
    """Makes the checkpoints and data sets, once."""
    for name, make in CHECKPOINTS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        make(home / name)
    for benchmark in DATA:
        benchmark.build(home)
    return home


def open_place(home: Path, place: Path) -> Path:
    """A working folder with everything of ``home`` in it."""
    place.mkdir()
    for entry in home.iterdir():
        (place / entry.name).symlink_to(entry)
    return place


def tasks_for(command: Command) -> str:
    """What has to be asked in the sweep that a command reads."""
    options = dict(itertools.pairwise(command.words))
    kind = EXPORTERS.get(options.get("--to", ""))
    if kind is not None and "partial" in kind.model_fields:
        return SUBMITTED
    return TASKS.get(command.page, TASK)


def provide(words: Sequence[str], place: Path, sweep: Path) -> None:
    """Puts what a command reads where it is looked for, if it is not there already.

    Args:
        words: of the command.
        place: where it will run.
        sweep: the folder of the finished sweep; it takes the place of another one.
    """
    for name in re.findall(r"pretrained=([\w.-]+/[\w.-]+)", " ".join(words)):
        assert name in CHECKPOINTS or (place / name).exists(), f"add {name} to CHECKPOINTS"
    for before, word in zip(("", *words), words, strict=False):
        target = place / word.rstrip("/")
        mark = target / ".provided"
        if mark.is_file() and mark.read_text() != str(sweep):
            shutil.rmtree(target)
        if before in _WRITES or target.exists():
            continue
        if word in OWN:
            OWN[word](target)
        elif word.startswith("runs/"):
            name, *rest = word.split("/")[1:]
            source = sweep / SINGLE[word] if word in SINGLE else sweep
            assert not rest or word in SINGLE, f"{word}: no run of this kind is prepared"
            shutil.copytree(source, place / "runs" / name)
            mark.write_text(str(sweep))
