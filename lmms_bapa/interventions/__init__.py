"""What is done to image tokens and their positions: pure tensor functions and their settings.

Every module of this package is imported, so that a new intervention is one new file here that
registers itself.
"""

from importlib import import_module
from pkgutil import iter_modules

from lmms_bapa.interventions.agci import AGCI
from lmms_bapa.interventions.agci_auto import AutoAGCI
from lmms_bapa.interventions.agci_depth import DepthAGCI
from lmms_bapa.interventions.bapa import BaPA
from lmms_bapa.interventions.base import Intervention, Tokens
from lmms_bapa.interventions.registry import REGISTRY, register

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "AGCI",
    "REGISTRY",
    "AutoAGCI",
    "BaPA",
    "DepthAGCI",
    "Intervention",
    "Tokens",
    "register",
]
