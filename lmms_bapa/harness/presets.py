"""Named adapters: each YAML of ``model_configs/`` is one ``--model`` name.

The harness asks for a class by its dotted path; ``lmms_bapa.harness.presets.<name>`` makes it from
the YAML of that name, so that a new adapter is a new file and no code. YAMLs of one's own are found
in the folder that the environment variable ``LMMS_BAPA_MODEL_CONFIGS`` names.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmms_bapa.resources import folder
from lmms_bapa.validation import nearest

if TYPE_CHECKING:
    from lmms_bapa.harness.live import LiveAdapter
    from lmms_bapa.harness.preset import Backend


OWN_CONFIGS = "LMMS_BAPA_MODEL_CONFIGS"


def _folders() -> list[Path]:
    """Where adapters are described; a name of ours stays ours."""
    own = os.environ.get(OWN_CONFIGS)
    return [folder("model_configs"), *([Path(own)] if own else [])]


def preset_names() -> list[str]:
    """The names of all adapters."""
    files = (path for place in _folders() for path in place.glob("*.yaml") if path.is_file())
    return sorted({path.stem for path in files})


def missing_folder() -> str | None:
    """Says so if the folder of the user's own adapters is not there."""
    own = os.environ.get(OWN_CONFIGS)
    if own and not Path(own).is_dir():
        return f"the folder of your own ones is not there: {OWN_CONFIGS}={own}"
    return None


def unknown_adapter(name: str) -> str:
    """A hint for an adapter that there is not."""
    return missing_folder() or nearest(name, preset_names())


def preset_path(name: str) -> Path:
    """The YAML of an adapter."""
    paths = [place / f"{name}.yaml" for place in _folders()]
    return next((path for path in paths if path.is_file()), paths[0])


@cache
def _adapter_class(name: str) -> type[LiveAdapter]:
    from lmms_bapa.harness.preset import load_preset

    content = load_preset(preset_path(name))
    base = _base(content.backend)
    # The harness records the module: it tells results of these adapters from those of others.
    own = {"preset": content, "__doc__": base.__doc__, "__module__": __name__}
    return type(name, (base,), own)


def _base(backend: Backend) -> type[LiveAdapter]:
    """The adapter class of a back end; the other one's libraries stay unread."""
    if backend == "vllm":
        from lmms_bapa.harness.vllm.adapter import VLLMBapa

        return VLLMBapa
    from lmms_bapa.harness.adapter import HFBapa

    return HFBapa


def __getattr__(name: str) -> Any:
    if name in preset_names():
        return _adapter_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
