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


@cache
def _adapter_class(name: str) -> type[HFBapa]:
    from lmms_bapa.harness.adapter import HFBapa
    from lmms_bapa.harness.preset import load_preset

    content = load_preset(preset_path(name))
    return type(name, (HFBapa,), {"preset": content, "__doc__": HFBapa.__doc__})


def __getattr__(name: str) -> Any:
    if name in preset_names():
        return _adapter_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
