"""What an engine's configuration must be for interventions to hold, asked when it is made."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from vllm.config.multimodal import AudioDummyOptions, VideoDummyOptions
from vllm.model_executor.models.config import VerifyAndUpdateConfig
from vllm.transformers_utils.config import uses_mrope

from lmms_bapa.errors import UsageError
from lmms_bapa.vllm import VARIABLE
from lmms_bapa.vllm.architectures import check_architecture
from lmms_bapa.vllm.engine import check_engine
from lmms_bapa.vllm.settings import from_text

if TYPE_CHECKING:
    from vllm.config import ModelConfig, VllmConfig


_LOGGER = logging.getLogger(__name__)


def preparation(name: str, stock: type[Any] | None) -> type[VerifyAndUpdateConfig]:
    """The class that vLLM shows an architecture's configuration to.

    Args:
        name: the architecture.
        stock: vLLM's own class for it, which goes first.
    """
    first = stock or VerifyAndUpdateConfig

    class Preparation(VerifyAndUpdateConfig):  # type: ignore[misc]
        @staticmethod
        def verify_and_update_model_config(model_config: ModelConfig) -> None:
            first.verify_and_update_model_config(model_config)
            prepare_model(name, model_config)

        @staticmethod
        def verify_and_update_config(vllm_config: VllmConfig) -> None:
            first.verify_and_update_config(vllm_config)
            check_engine(vllm_config)

    return Preparation


def prepare_model(name: str, model_config: ModelConfig) -> None:
    """Refuses what cannot be steered, and has positions asked of the model.

    vLLM asks a model for its requests' positions if its configuration has sections of M-RoPE. On
    a model with one position axis the sections stand beside the rotary parameters, never among
    them: a plain rotary embedding would be handed three rows and write where it must not.

    Raises:
        UsageError: another architecture than those of the table.
    """
    row = check_architecture([name])
    if model_config.multimodal_config is None:
        raise UsageError(f"{VARIABLE}: {name} was started without pictures: nothing to steer")
    if row.status == "expected":
        _LOGGER.warning(f"{name} is not among the proven architectures of vLLM: {row.note}")
    limits = model_config.multimodal_config.limit_per_prompt
    limits |= {"video": VideoDummyOptions(count=0), "audio": AudioDummyOptions(count=0)}
    moves = any(i.moves_positions() for i in from_text(os.environ.get(VARIABLE, "")))
    has_axes = uses_mrope(model_config.hf_config)
    if has_axes != (row.axes > 1) and not getattr(model_config.hf_config, "mrope_section", None):
        raise UsageError(
            f"{name}: the table has {row.axes} position axes, this checkpoint has "
            f"{'several' if has_axes else 'one'}: not supported"
        )
    if moves and not has_axes:
        model_config.hf_config.mrope_section = [1]
