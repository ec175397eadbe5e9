"""What a worker of vLLM can be asked about its model."""

from __future__ import annotations

from typing import Any


class Witness:
    """An extension of vLLM's workers (``worker_extension_cls``)."""

    def lmms_bapa_settings(self) -> str:
        """The interventions in force, as :func:`lmms_bapa.vllm.settings.to_text` has them."""
        runner: Any = self.model_runner  # type: ignore[attr-defined]
        return str(getattr(runner.get_model(), "lmms_bapa_settings", ""))
