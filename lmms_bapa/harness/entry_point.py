"""What lmms-eval loads at start: our models, and from here on our tasks.

This module is imported whenever the harness lists its models, so it imports nothing heavy; and an
entry point that raised would take every later plugin down with it, so it never raises.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any


def manifests() -> list[Any]:
    """Registers the adapters of ``model_configs/`` and the tasks of ``tasks/``.

    Returns:
        One ``ModelManifest`` per adapter; none if the installation is broken, with a warning.
    """
    try:
        from lmms_eval.models.registry_v2 import ModelManifest

        from lmms_bapa.harness.discovery import register_tasks
        from lmms_bapa.harness.presets import preset_names

        register_tasks()
        paths = {name: f"lmms_bapa.harness.presets.{name}" for name in preset_names()}
        # `lmms-eval models` reads this table and not the registry.
        listed = getattr(sys.modules["lmms_eval.models"], "AVAILABLE_CHAT_TEMPLATE_MODELS", {})
        for name, path in paths.items():
            listed.setdefault(name, path)
        return [ModelManifest(model_id=name, chat_class_path=p) for name, p in paths.items()]
    except Exception as error:
        warnings.warn(f"lmms-bapa could not register with lmms-eval: {error}", stacklevel=2)
        return []
