"""Which model classes the interventions reach inside vLLM, as data: one row for each of them.

What a family is like stands in :mod:`lmms_bapa.steering.architectures`; here is what vLLM adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lmms_bapa.errors import UsageError
from lmms_bapa.steering.architectures import ARCHITECTURES as FAMILIES

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
    return Row(kind, status, FAMILIES[kind].axes, note)


def _proven(kind: str, note: str = "") -> Row:
    return _row(kind, "proven", note)


def _expected(kind: str, note: str) -> Row:
    return _row(kind, "expected", note)


def _refused(kind: str | None, note: str = "") -> Row:
    """A refusal; without a note, for the reason that the table of transformers gives."""
    known = FAMILIES.get(kind) if kind is not None else None
    return Row(kind, "refused", note=note or (known.note if known is not None else ""))


_CAUSAL = (
    "on a CPU vLLM lets image tokens see only what stands before them, and transformers does not, "
    "so the stock models differ there"
)
_BFLOAT16 = "on a CPU vLLM computes its linear attention in bfloat16, too coarse to compare"
_OTHER_PICTURES = (
    "not compared: vLLM's stock model sees other things in a picture than transformers', on a CPU"
)
_UNTRIED = "not compared with transformers: no small checkpoint of it was made"
_OWN_CODE = "not compared: transformers does not have this form of the checkpoint"
_MARKS = "vLLM hands its marks between tiles over as image tokens"
_DEEPSTACK = "AGCI leaves the image features that enter deeper layers as they are"

ARCHITECTURES: dict[str, Row] = {
    "AriaForConditionalGeneration": _expected("aria", _OTHER_PICTURES),
    "Blip2ForConditionalGeneration": _refused("blip-2", "no rotary position embedding"),
    "Cohere2VisionForConditionalGeneration": _proven(
        "cohere2_vision", "vLLM scales its logits as the checkpoint says, transformers does not"
    ),
    "CohereCompassForConditionalGeneration": _expected("cohere_compass", _UNTRIED),
    "Cosmos3EdgeForConditionalGeneration": _expected("cosmos3_edge", _UNTRIED),
    "DeepseekVLV2ForCausalLM": Row(None, "expected", note=_OWN_CODE),
    "DiffusionGemmaForBlockDiffusion": _refused("diffusion_gemma"),
    "DotsOCRForCausalLM": Row(None, "expected", note=_OWN_CODE),
    "Ernie4_5_VLMoeForConditionalGeneration": _expected("ernie4_5_vl_moe", _UNTRIED),
    "Exaone4_5_ForConditionalGeneration": _expected("exaone4_5", _OTHER_PICTURES),
    "Gemma3ForConditionalGeneration": _proven("gemma3", _CAUSAL),
    "Gemma3nForConditionalGeneration": _proven("gemma3n"),
    "Gemma4ForConditionalGeneration": _expected(
        "gemma4", f"its rounding errors are just above what the tests allow; {_CAUSAL}"
    ),
    "Gemma4UnifiedForConditionalGeneration": _expected("gemma4_unified", _UNTRIED),
    "Glm4vForConditionalGeneration": _proven("glm4v"),
    "Glm4vMoeForConditionalGeneration": _proven("glm4v_moe"),
    "Glm5NextForConditionalGeneration": _refused("glm5_next"),
    "GlmOcrForConditionalGeneration": _proven("glm_ocr"),
    "Granite4VisionForConditionalGeneration": _refused("granite4_vision"),
    "Idefics3ForConditionalGeneration": _proven("idefics3"),
    "InternS1ForConditionalGeneration": Row(None, "expected", note=_OWN_CODE),
    "InternVLChatModel": Row(None, "expected", note=f"{_OWN_CODE}; those with -hf are proven"),
    "InternVLForConditionalGeneration": _proven("internvl"),
    "KimiVLForConditionalGeneration": Row(None, "expected", note=_OWN_CODE),
    "Lfm2VlForConditionalGeneration": _expected(
        "lfm2_vl", "not compared: vLLM's stock model says other things than transformers', on a CPU"
    ),
    "LightOnOCRForConditionalGeneration": _expected(
        "lighton_ocr", "not compared: vLLM and transformers do not read the same checkpoints of it"
    ),
    "Llama4ForConditionalGeneration": _proven(
        "llama4",
        "with max_model_len over 32768, BaPA also reaches the scale of queries in layers that do "
        "not use positions otherwise",
    ),
    "LlavaForConditionalGeneration": _proven("llava"),
    "LlavaNextForConditionalGeneration": _proven("llava_next"),
    "LlavaNextVideoForConditionalGeneration": _refused(
        "llava_next_video", "vLLM gives it videos only"
    ),
    "LlavaOnevisionForConditionalGeneration": _proven(
        "llava_onevision",
        "vLLM cuts each picture into tiles, transformers only one that is alone in its prompt",
    ),
    "MiniCPMV4_6ForConditionalGeneration": _expected("minicpmv4_6", _BFLOAT16),
    "MiniCPMV4_7ForConditionalGeneration": _expected("minicpmv4_7", _BFLOAT16),
    "Mistral3ForConditionalGeneration": _proven("mistral3"),
    "Molmo2ForConditionalGeneration": _refused("molmo2", _MARKS),
    "MuseGlimmerForConditionalGeneration": _expected("muse_glimmer", _UNTRIED),
    "NemotronH_Omni_Reasoning_V3": _refused("nemotron_h_omni"),
    "Ovis": _refused(None, _MARKS),
    "PaddleOCRVLForConditionalGeneration": _proven(
        "paddleocr_vl",
        "vLLM stretches the positions of its vision tower by another rule than transformers",
    ),
    "PaliGemmaForConditionalGeneration": _expected(
        "paligemma", "vLLM lets no text of a prompt see later text, transformers lets it"
    ),
    "PixtralForConditionalGeneration": Row(None, "expected", note=_OWN_CODE),
    "QianfanOCRForConditionalGeneration": _expected("qianfan_ocr", _UNTRIED),
    "Qwen2VLForConditionalGeneration": _proven("qwen2_vl"),
    "Qwen2_5_VLForConditionalGeneration": _proven("qwen2_5_vl"),
    "Qwen3VLForConditionalGeneration": _proven("qwen3_vl", _DEEPSTACK),
    "Qwen3VLMoeForConditionalGeneration": _proven("qwen3_vl_moe", _DEEPSTACK),
    "Qwen3_5ForConditionalGeneration": _expected("qwen3_5", _BFLOAT16),
    "Qwen3_5MoeForConditionalGeneration": _expected("qwen3_5_moe", _BFLOAT16),
    "Qwen4ExpForConditionalGeneration": _refused(
        "qwen4_exp", "vLLM gives its decoder token ids beside the embeddings"
    ),
    "SmolVLMForConditionalGeneration": _proven("smolvlm"),
    "Step3p7ForConditionalGeneration": _expected("step3p7", _UNTRIED),
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
            f"{known}: not among the architectures that are steered inside vLLM (see: lmms-bapa "
            "models --backend vllm): take --model hf_bapa"
        )
    if row.status == "refused":
        raise UsageError(f"{known}: cannot be steered inside vLLM: {row.note}")
    return row
