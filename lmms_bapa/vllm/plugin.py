"""The entry point of vLLM's plugins: every process of an engine calls it, and most need nothing.

Nothing heavy is imported here: it runs wherever vLLM and this package are installed together.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from lmms_bapa.vllm import VARIABLE, lifeline

_MODELS = "lmms_bapa.vllm.models"
# What stood in vLLM's tables before us, by architecture; None where there was nothing.
_stock_models: dict[str, Any] = {}
_stock_preparations: dict[str, Any] = {}


def register() -> None:
    """Puts our classes before the stock ones if the variable is set; else takes them back.

    May be called any number of times, in any process.

    Raises:
        UsageError: the variable says something that cannot be had. The engine then does not start.
    """
    lifeline.follow()
    text = os.environ.get(VARIABLE, "")
    if not text:
        unregister()
        return
    from vllm import ModelRegistry
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    from lmms_bapa.vllm.architectures import ARCHITECTURES
    from lmms_bapa.vllm.preparation import preparation
    from lmms_bapa.vllm.settings import from_text

    if not from_text(text):
        unregister()
        return
    if _stock_models:
        return
    steerable = [name for name, row in ARCHITECTURES.items() if row.status != "refused"]
    for name in sorted(ModelRegistry.get_supported_archs()):
        _stock_preparations[name] = MODELS_CONFIG_MAP.get(name)
        MODELS_CONFIG_MAP[name] = preparation(name, _stock_preparations[name])
        if name in steerable:
            _stock_models[name] = ModelRegistry.models[name]
            ModelRegistry.register_model(name, f"{_MODELS}:{name}")
    _forget_classes()


def unregister() -> None:
    """Puts back what was there."""
    if not _stock_models:
        return
    from vllm import ModelRegistry
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    for name, model in _stock_models.items():
        ModelRegistry.models[name] = model
    for name, stock in _stock_preparations.items():
        if stock is None:
            MODELS_CONFIG_MAP.pop(name, None)
        else:
            MODELS_CONFIG_MAP[name] = stock
    _stock_models.clear()
    _stock_preparations.clear()
    _forget_classes()


def _forget_classes() -> None:
    """An earlier engine of this process may have left the class that it found for a checkpoint."""
    loader: Any = sys.modules.get("vllm.model_executor.model_loader.utils")
    if loader is not None:
        loader._MODEL_ARCH_BY_HASH.clear()


def stock_location(name: str) -> tuple[str, str]:
    """The module and the name of an architecture's stock class.

    Raises:
        KeyError: nothing was registered for it.
    """
    if not _stock_models:
        register()
    stock = _stock_models[name]
    return stock.module_name, stock.class_name
