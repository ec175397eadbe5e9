"""Which files weights are read from: safetensors alone, never pickles, and no code of the hub."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError
from transformers.utils import find_adapter_config_file

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.checkpoint import Checkpoint
from lmms_bapa.harness.options import LoadOptions
from lmms_bapa.validation import reason

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_INDEX = "model.safetensors.index.json"
_ADAPTER, _ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_CONVERT = (
    "pickles can run code, so they are not loaded: save it once as safetensors, by "
    "save_pretrained of transformers or peft, on a machine that may be lost"
)


def check_weight_files(options: Checkpoint, source: str, revision: str | None) -> None:
    """Refuses, before anything is read, weights that are not safetensors alone.

    The files of a hub repository are left to ``from_pretrained(use_safetensors=True)``; see
    :func:`no_safetensors` for what it says.

    Raises:
        UsageError: a folder without safetensors or with an index that names other files, or an
            adapter in place of a model, whose own weights transformers would look for.
    """
    name = options.named
    if find_adapter_config_file(source, revision=revision) is not None:
        raise UsageError(
            f"{name}: is a PEFT adapter ({_ADAPTER}): give its base model as pretrained=, and "
            f"peft={options.pretrained}"
        )
    folder = Path(source)
    if not folder.is_dir():
        try:
            index = Path(hf_hub_download(source, _INDEX, revision=revision))
        except Exception:  # there is none, or nothing can be had: from_pretrained says so
            return
        _check_index(name, index)
        return
    if not any(folder.glob("*.safetensors")):
        pickled = _pickled(folder)
        if pickled is not None:
            raise UsageError(f"{name}: has no safetensors, but {pickled}: {_CONVERT}")
        raise UsageError(f"{name}: no weights (*.safetensors) in that folder")
    index = folder / _INDEX
    if index.is_file() and not (folder / "model.safetensors").is_file():
        _check_index(name, index)


def hub_commit(source: str, revision: str | None) -> str | None:
    """The commit behind a revision of a hub repository, once its configuration has been fetched.

    Args:
        source: hub id or folder.
        revision: branch, tag or commit; None is the default branch.

    Returns:
        The commit's 40 digits, or None for a folder and for what is not in the cache.
    """
    if Path(source).is_dir():
        return None
    found = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


def _check_index(name: str, index: Path) -> None:
    try:
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{name}: {index.name} cannot be read ({reason(error)})") from error
    others = sorted(str(part) for part in parts if not str(part).endswith(".safetensors"))
    if others:
        raise UsageError(f"{name}: {index.name} names {others[0]}, which is no safetensors file")


def _pickled(folder: Path) -> str | None:
    """The name of a file in a folder that holds weights as a pickle."""
    found = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    return found[0] if found else None


def no_safetensors(options: LoadOptions, error: Exception) -> UsageError:
    """What to say when ``from_pretrained`` fails: of a missing safetensors file, what to do."""
    if isinstance(error, OSError) and "cannot be loaded with `safetensors`" in str(error):
        return UsageError(f"pretrained={options.pretrained}: has no safetensors: {_CONVERT}")
    said = reason(error)
    if "ignore_mismatched_sizes" in str(error) or "size mismatch" in str(error):
        said = "weights of another shape than its config.json says"
    return UsageError(f"pretrained={options.pretrained}: cannot be loaded ({said})")


def check_attention(options: LoadOptions, config: Any) -> None:
    """Refuses attention that is compiled code from the hub, unless its code was asked for.

    Raises:
        UsageError: ``attn_implementation``, or the checkpoint's configuration, names a repository.
    """
    if options.trust_remote_code:
        return
    wanted = options.attn_implementation or getattr(config, "_attn_implementation", None)
    if isinstance(wanted, str) and "/" in wanted:
        raise UsageError(
            f"attn_implementation={wanted}: is code from the hub: add trust_remote_code=true if "
            "you trust it, or choose eager or sdpa"
        )


def adapter_folder(source: str) -> Path:
    """The folder of a PEFT adapter: as given, or a snapshot of a hub repository.

    Of a repository nothing but configuration and safetensors is fetched.

    Args:
        source: a folder or hub id.

    Raises:
        UsageError: there is none, or its weights are not safetensors.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _from_hub(source)
    if not (folder / _ADAPTER).is_file():
        raise UsageError(
            f"peft={source}: cannot be loaded: no {_ADAPTER} in it, so it is no PEFT adapter"
        )
    if not (folder / _ADAPTER_WEIGHTS).is_file():
        pickled = _pickled(folder)
        has = f"no {_ADAPTER_WEIGHTS}" + (f", but {pickled}" if pickled else "")
        raise UsageError(f"peft={source}: has {has}: {_CONVERT}")
    return folder


def _from_hub(source: str) -> Path:
    try:
        folder = Path(hf_hub_download(source, _ADAPTER)).parent  # its name is the commit
        with suppress(EntryNotFoundError):  # the caller says so
            hf_hub_download(source, _ADAPTER_WEIGHTS, revision=folder.name)
    except Exception as error:
        raise UsageError(
            f"peft={source}: cannot be loaded from a folder or the hub ({reason(error)})"
        ) from error
    return folder
