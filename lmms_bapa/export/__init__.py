"""Exporters: results as other people's tools take them. Importing registers every file in it."""

import importlib
import pkgutil

from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.registry import EXPORTERS, register
from lmms_bapa.export.source import Source

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["EXPORTERS", "ExportFile", "Exporter", "Source", "register"]
