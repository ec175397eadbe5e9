"""Named adapters: each YAML of ``model_configs/`` is one ``--model`` name.

The harness asks for a class by its dotted path; ``lmms_bapa.harness.presets.<name>`` makes it from
the YAML of that name, so that a new adapter is a new file and no code.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmms_bapa.resources import folder

if TYPE_CHECKING:
    from lmms_bapa.harness.adapter import HFBapa


def preset_names() -> list[str]:
    """The names of all adapters."""
    return sorted(p.stem for p in folder("model_configs").glob("*.yaml"))


def preset_path(name: str) -> Path:
    """The YAML of an adapter."""
    return folder("model_configs") / f"{name}.yaml"


def load_preset(name: str) -> dict[str, Any]:
    """Reads the default ``model_args`` of an adapter.

    Raises:
        ValueError: the YAML is not a mapping of options.
    """
    import yaml

    content = yaml.safe_load(preset_path(name).read_text(encoding="utf-8")) or {}
    if not isinstance(content, dict):
        raise ValueError(f"{preset_path(name).name}: expected a mapping of model_args")
    return content


@cache
def _adapter_class(name: str) -> type[HFBapa]:
    from lmms_bapa.harness.adapter import HFBapa

    return type(name, (HFBapa,), {"defaults": load_preset(name), "__doc__": HFBapa.__doc__})


def __getattr__(name: str) -> Any:
    if name in preset_names():
        return _adapter_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
