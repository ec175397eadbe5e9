"""Layouts of position-shifted tasks. Importing the package registers every file in it."""

import importlib
import pkgutil

from lmms_bapa.shift.layouts.base import Layout
from lmms_bapa.shift.layouts.registry import LAYOUTS, register

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["LAYOUTS", "Layout", "register"]
