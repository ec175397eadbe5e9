"""The classes that vLLM loads by name, one for each architecture of the table.

``lmms_bapa.vllm.models.<architecture>`` is made from the stock class when it is asked for, so that
no model's code is imported that is not used. vLLM keeps what it learns of a class on disk, until
this file changes: so a class is the same whatever the settings are, and the version stands below.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from lmms_bapa.vllm.architectures import ARCHITECTURES
from lmms_bapa.vllm.plugin import stock_location
from lmms_bapa.vllm.steered import Steered

MADE_FOR = "0.32.0"  # as lmms_bapa.vllm.TESTED


@cache
def _steered_class(name: str) -> type[Any]:
    module, stock_name = stock_location(name)
    stock = getattr(import_module(module), stock_name)
    own = {
        "__module__": __name__,
        "__doc__": stock.__doc__,
        "lmms_bapa_axes": ARCHITECTURES[name].axes,
    }
    return type(stock.__name__, (Steered, stock), own)


def __getattr__(name: str) -> Any:
    if name in ARCHITECTURES and ARCHITECTURES[name].status != "refused":
        return _steered_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
