"""Training-free remedies for spatial bias in vision-language models, as a plugin for lmms-eval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmms_bapa.interventions import AGCI, AutoAGCI, BaPA, DepthAGCI
    from lmms_bapa.steering import Steering, intervene

__version__ = "0.1.0"
__all__ = ["AGCI", "AutoAGCI", "BaPA", "DepthAGCI", "Steering", "__version__", "intervene"]

_HOME = {
    "AGCI": "lmms_bapa.interventions",
    "AutoAGCI": "lmms_bapa.interventions",
    "BaPA": "lmms_bapa.interventions",
    "DepthAGCI": "lmms_bapa.interventions",
    "Steering": "lmms_bapa.steering",
    "intervene": "lmms_bapa.steering",
}


def __getattr__(name: str) -> Any:
    # The harness imports this package whenever it lists its models; torch must not come along.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
