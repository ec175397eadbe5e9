"""Where a run took place: versions, commit, hardware and command line. Nothing about the user."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

from lmms_bapa import __version__
from lmms_bapa.harness.vllm.installed import installed_version
from lmms_bapa.resources import folder

PACKAGES = (
    "lmms-eval",
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "datasets",
    "numpy",
    "pillow",
    "accelerate",
)
_PACKAGE = Path(__file__).resolve().parents[1]

_TASK_ENDINGS = (".yaml", "")  # templates have none

_HIDDEN = "[REDACTED]"
_SECRET = r"[\w.-]*(?:api[_-]?key|token|secret|password)"
_ASSIGNED = re.compile(rf"(?i)(?<![\w.-])({_SECRET})([\"']?\s*[=:]\s*[\"']?)([^,\s'\"]+)")
_OPTION = re.compile(rf"(?i)--?{_SECRET}")
_BARE = re.compile(r"\bhf_[A-Za-z0-9]{20,}\b")
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


class Hardware(BaseModel):
    """The machine; None where it does not tell.

    Attributes:
        system: operating system and architecture, such as ``Linux x86_64``.
        cpu: its name.
        cores: processors that this process may use.
        memory: bytes of main memory.
        gpus: their names.
    """

    system: str
    cpu: str | None = None
    cores: int | None = None
    memory: int | None = None
    gpus: list[str] = []


def versions(backend: str | None = None) -> dict[str, str | None]:
    """Version of Python, of this package and of those that an answer depends on; None if absent.

    Args:
        backend: what runs the model; its own package is told only of what it runs.
    """
    found: dict[str, str | None] = {"python": platform.python_version(), "lmms-bapa": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    if backend == "vllm":
        found["vllm"] = installed_version()
    return found


@cache
def sources_digest() -> str:
    """SHA-256 over this package's code and tasks: the same for the same files, committed or not."""
    digest = hashlib.sha256()
    for root, endings in ((_PACKAGE, (".py",)), (folder("tasks"), _TASK_ENDINGS)):
        for path in sorted(p for p in root.rglob("*") if p.suffix in endings and p.is_file()):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def commit() -> tuple[str | None, bool | None]:
    """The commit of the checkout that this package runs from, and whether files differ from it.

    Returns:
        Two None if it was installed, or if git is not there.
    """
    try:
        # Fails in a repository that merely holds the environment into which we were installed.
        _git("ls-files", "--error-unmatch", str(_PACKAGE / "__init__.py"))
        return _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _git(*arguments: str) -> str:
    # The harness has such functions for its own checkout only, and they do not tell changes.
    done = subprocess.run(
        ["git", "-C", str(_PACKAGE.parent), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def hardware() -> Hardware:
    """The machine that this process runs on."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Hardware(
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        cores=cores,
        memory=_memory(),
        gpus=gpus,
    )


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def command_line(arguments: Sequence[str] | None = None) -> str:
    """What was typed, as one line for a shell, with tokens and passwords blotted out.

    Args:
        arguments: program and arguments; default: those of this process.
    """
    given = list(sys.argv if arguments is None else arguments)
    shown = [Path(given[0]).name] if given else []
    is_secret = False
    for argument in given[1:]:
        shown.append(_HIDDEN if is_secret else without_secrets(argument))
        is_secret = _OPTION.fullmatch(argument) is not None
    return shlex.join(shown)


def without_secrets(text: str) -> str:
    """Blots out the values of ``token=...`` and their like.

    The harness's own function of this kind also takes our option ``image_token`` for a secret.
    """
    text = _ASSIGNED.sub(_blot, text)
    return _IN_ADDRESS.sub(_HIDDEN, _BARE.sub(_HIDDEN, text))


def _blot(found: re.Match[str]) -> str:
    name, equals, value = found.groups()
    return f"{name}{equals}{value if name == 'image_token' else _HIDDEN}"
