"""Small random checkpoints with real processors, saved to disk as a user would have them."""

import importlib
import pkgutil

import transformers
from packaging.version import Version
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from .spec import Checkpoint

# Every module of this folder may have a table CHECKPOINTS: name -> Checkpoint.
ALL: dict[str, Checkpoint] = {}
for _module in pkgutil.iter_modules(__path__):
    ALL |= getattr(importlib.import_module(f"{__name__}.{_module.name}"), "CHECKPOINTS", {})

# Those that the installed transformers has. A name is a model type, or one with a variant behind a
# colon, such as llava:pixtral.
SAVED = {
    name: checkpoint
    for name, checkpoint in ALL.items()
    if name.split(":")[0] in CONFIG_MAPPING
    and Version(checkpoint.since) <= Version(transformers.__version__)
}
