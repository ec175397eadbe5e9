"""Devices, attention, room on disk, and the hub."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lmms_bapa.doctor.finding import Finding
from lmms_bapa.provenance.surroundings import hardware, without_secrets

LITTLE = 2**30  # bytes; a sweep of the probes on a small model leaves some hundred MiB

# What the environment says that changes where files come from and go to.
_PLACES = (
    *("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE"),
    *("TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "LMMS_EVAL_PLUGINS"),
    *("LMMS_BAPA_MODEL_CONFIGS", "CUDA_VISIBLE_DEVICES"),
)
_SECRETS = ("token", "key", "secret", "password")


def devices() -> Iterator[Finding]:
    """CPU and accelerators, each by a small sum on it."""
    import torch

    here = hardware()
    memory = "" if here.memory is None else f", {_size(here.memory)}"
    yield Finding("CPU", "ok", f"{here.cores} cores{memory}, {torch.get_num_threads()} threads")
    places = [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        places.append(torch.device("mps"))
    for place in places:
        torch.ones(2, device=place).sum().item()
        if place.type == "cuda":
            free, total = torch.cuda.mem_get_info(place)
            name = torch.cuda.get_device_name(place)
            yield Finding(str(place), "ok", f"{name}, {_size(free)} free of {_size(total)}")
        else:
            yield Finding("mps", "ok", "Apple GPU")
    if places:
        return
    if shutil.which("nvidia-smi") is not None:
        built = torch.version.cuda
        yield Finding(
            "GPU",
            "warning",
            f"torch {torch.__version__} does not see the one that nvidia-smi is there for",
            "install a torch built for CUDA, see pytorch.org"
            if built is None
            else f"update the driver for CUDA {built}, or look at CUDA_VISIBLE_DEVICES",
        )
        return
    yield Finding("GPU", "note", "none; everything runs on the CPU, large models slowly")


def attention() -> Iterator[Finding]:
    """The values of ``attn_implementation`` that can be had."""
    from transformers.utils import is_flash_attn_2_available, is_torch_flex_attn_available

    found = ["eager", "sdpa"]
    if is_torch_flex_attn_available():
        found.append("flex_attention")
    if is_flash_attn_2_available():
        found.append("flash_attention_2")
    yield Finding("attention", "ok", ", ".join(found))


def disk() -> Iterator[Finding]:
    """Room where runs, temporary files and checkpoints are written."""
    from huggingface_hub import constants

    places = {
        "here": Path.cwd(),
        "temporary": Path(tempfile.gettempdir()),
        "hub cache": Path(constants.HF_HUB_CACHE),
    }
    remedies = {
        "here": "go to another folder, or name one with --output",
        "temporary": "set TMPDIR to a folder with room",
        "hub cache": "set HF_HOME to a folder with room",
    }
    for name, path in places.items():
        free, writable = _room(path)
        said = f"{_short(path)}: {_size(free)} free" + ("" if writable else ", not writable")
        is_good = writable and free >= LITTLE
        yield Finding(
            f"room, {name}", "ok" if is_good else "warning", said, "" if is_good else remedies[name]
        )


def hub() -> Iterator[Finding]:
    """Whether the hub may be asked, and what the environment says; secrets are only counted."""
    from huggingface_hub import constants, get_token

    state = "offline, only what is in the cache" if constants.HF_HUB_OFFLINE else "may be asked"
    token = "a token is set" if get_token() else "no token"
    yield Finding("hub", "ok", f"{state}; {token}")
    told = told_by(os.environ)
    if told:
        yield Finding("environment", "ok", "; ".join(told))


def told_by(environment: Mapping[str, str]) -> list[str]:
    """Variables that matter, as ``NAME=value``; of those that hold a secret the name alone."""
    shown = [
        f"{name}={_short(without_secrets(environment[name]))}"
        for name in _PLACES
        if environment.get(name)
    ]
    prefixes = ("HF_", "HUGGING", "OPENAI", "AZURE", "ANTHROPIC", "GOOGLE", "WANDB")
    secret = sorted(
        name
        for name, value in environment.items()
        if value and name.startswith(prefixes) and any(s in name.lower() for s in _SECRETS)
    )
    return [*shown, *(f"{name} is set" for name in secret)]


def _room(path: Path) -> tuple[int, bool]:
    """Free bytes where a folder is or will be made, and whether it can be written to."""
    there = next(p for p in (path, *path.parents) if p.exists())
    return shutil.disk_usage(there).free, os.access(there, os.W_OK | os.X_OK)


def _short(path: object) -> str:
    """A path without the name of the user."""
    text, home = str(path), str(Path.home())
    inside = text == home or text.startswith(home.rstrip("/") + "/")
    return "~" + text.removeprefix(home) if inside and home != "/" else text


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
