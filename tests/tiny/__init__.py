"""Small random models of real architectures, with hand-made inputs. Nothing is downloaded."""

import importlib
import pkgutil

from packaging.version import Version
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from .spec import INSTALLED, Tiny

# Every module of this folder may have a table MODELS: name -> Tiny.
ALL: dict[str, Tiny] = {}
for _module in pkgutil.iter_modules(__path__):
    ALL |= getattr(importlib.import_module(f"{__name__}.{_module.name}"), "MODELS", {})

# Those that the installed transformers has. A name is a model type, or one with a variant behind a
# colon, such as llava:pixtral.
TINY = {
    name: tiny
    for name, tiny in ALL.items()
    if name.split(":")[0] in CONFIG_MAPPING and Version(tiny.since) <= INSTALLED
}
