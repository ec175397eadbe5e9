"""Which model classes the interventions reach inside vLLM, as data: one row for each of them.

What a family is like stands in :mod:`lmms_bapa.steering.architectures`; here is what vLLM adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lmms_bapa.errors import UsageError
from lmms_bapa.steering.architectures import row_of

Status = Literal["proven", "expected", "refused"]


@dataclass(frozen=True)
class Row:
    """The facts about one model class of vLLM.

    Attributes:
        kind: its model type in transformers, or None if transformers does not have the family.
        status: ``proven`` by the parity tests on a small random checkpoint; ``expected`` to work,
            since vLLM's class has the common shape; or ``refused``.
        axes: position axes that vLLM gives its decoder: 1, or 3 for M-RoPE.
        note: why it is refused or only expected, or what else a user should know.
    """

    kind: str | None
    status: Status
    axes: int = 1
    note: str = ""


def _row(kind: str, status: Status, note: str = "") -> Row:
    """A family of transformers, with the axes that it has there."""
    known = row_of(kind)
    if known is None:
        raise KeyError(kind)
    return Row(kind, status, known.axes, note)


def _proven(kind: str, note: str = "") -> Row:
    return _row(kind, "proven", note)


def _expected(kind: str, note: str) -> Row:
    return _row(kind, "expected", note)


def _refused(kind: str | None, note: str = "") -> Row:
    """A refusal; without a note, for the reason that the table of transformers gives."""
    known = row_of(kind) if kind is not None else None
    return Row(kind, "refused", note=note or (known.note if known is not None else ""))


_SEEN_BOTH_WAYS = (
    "vLLM's attention on a CPU lets image tokens see only what stands before them, unlike "
    "transformers', so that the stock models differ there"
)
_BFLOAT16 = "vLLM computes its linear attention in bfloat16 on a CPU, too coarse for a proof"
_NO_PROCESSOR = "no small checkpoint was tried"
_REMOTE = "transformers does not have these checkpoints; take those with -hf at the end"
_INDICATORS = "vLLM counts the marks between its tiles as image tokens"

ARCHITECTURES: dict[str, Row] = {
    "AriaForConditionalGeneration": _expected("aria", _NO_PROCESSOR),
    "Blip2ForConditionalGeneration": _refused(
        "blip-2", "no rotary position embedding in most of its language models"
    ),
    "Cohere2VisionForConditionalGeneration": _expected("cohere2_vision", ""),
    "CohereCompassForConditionalGeneration": _expected("cohere_compass", _NO_PROCESSOR),
    "Cosmos3EdgeForConditionalGeneration": _expected("cosmos3_edge", _NO_PROCESSOR),
    "DiffusionGemmaForBlockDiffusion": _refused("diffusion_gemma"),
    "Ernie4_5_VLMoeForConditionalGeneration": _expected("ernie4_5_vl_moe", _NO_PROCESSOR),
    "Exaone4_5_ForConditionalGeneration": _expected("exaone4_5", _NO_PROCESSOR),
    "Gemma3ForConditionalGeneration": _expected("gemma3", _SEEN_BOTH_WAYS),
    "Gemma3nForConditionalGeneration": _expected("gemma3n", ""),
    "Gemma4ForConditionalGeneration": _expected("gemma4", _SEEN_BOTH_WAYS),
    "Gemma4UnifiedForConditionalGeneration": _expected("gemma4_unified", _SEEN_BOTH_WAYS),
    "Glm4vForConditionalGeneration": _expected("glm4v", ""),
    "Glm4vMoeForConditionalGeneration": _expected("glm4v_moe", ""),
    "Glm5NextForConditionalGeneration": _refused("glm5_next"),
    "GlmOcrForConditionalGeneration": _expected("glm_ocr", ""),
    "Granite4VisionForConditionalGeneration": _refused("granite4_vision"),
    "Idefics3ForConditionalGeneration": _expected("idefics3", ""),
    "InternVLChatModel": Row(None, "expected", note=_REMOTE),
    "InternVLForConditionalGeneration": _expected("internvl", ""),
    "Lfm2VlForConditionalGeneration": _expected("lfm2_vl", ""),
    "LightOnOCRForConditionalGeneration": _expected("lighton_ocr", ""),
    "Llama4ForConditionalGeneration": _expected("llama4", ""),
    "LlavaForConditionalGeneration": _expected("llava", ""),
    "LlavaNextForConditionalGeneration": _expected("llava_next", ""),
    "LlavaNextVideoForConditionalGeneration": _expected("llava_next_video", ""),
    "LlavaOnevisionForConditionalGeneration": _expected("llava_onevision", ""),
    "Mistral3ForConditionalGeneration": _expected("mistral3", ""),
    "Molmo2ForConditionalGeneration": _refused("molmo2", _INDICATORS),
    "NemotronH_Omni_Reasoning_V3": _refused("nemotron_h_omni"),
    "Ovis": _refused(None, _INDICATORS),
    "PaddleOCRVLForConditionalGeneration": _expected("paddleocr_vl", ""),
    "PaliGemmaForConditionalGeneration": _expected("paligemma", _SEEN_BOTH_WAYS),
    "Qwen2VLForConditionalGeneration": _expected("qwen2_vl", ""),
    "Qwen2_5_VLForConditionalGeneration": _expected("qwen2_5_vl", ""),
    "Qwen3VLForConditionalGeneration": _expected("qwen3_vl", ""),
    "Qwen3VLMoeForConditionalGeneration": _expected("qwen3_vl_moe", ""),
    "Qwen3_5ForConditionalGeneration": _expected("qwen3_5", _BFLOAT16),
    "Qwen3_5MoeForConditionalGeneration": _expected("qwen3_5_moe", _BFLOAT16),
    "SmolVLMForConditionalGeneration": _expected("smolvlm", ""),
}


def check_architecture(names: Sequence[str]) -> Row:
    """The row of a checkpoint.

    Args:
        names: the ``architectures`` of its configuration.

    Raises:
        UsageError: none of them is listed, or the first that is is refused.
    """
    row = next((ARCHITECTURES[name] for name in names if name in ARCHITECTURES), None)
    known = " ".join(names) or "a checkpoint that names no architecture"
    if row is None:
        raise UsageError(
            f"{known}: no intervention reaches it inside vLLM: take --model hf_bapa, or one of "
            "lmms-bapa models --backend vllm"
        )
    if row.status == "refused":
        raise UsageError(f"{known}: cannot be steered inside vLLM: {row.note}")
    return row
