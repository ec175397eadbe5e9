"""Small random checkpoints of further families, for the same tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.checkpoints import ALL

from .checkpoints import AXES, CLIP_NAMES, SECTIONS, WIDTH, Small, rope
from .paddleocr import PADDLEOCR

INTERLEAVED = rope(mrope_section=SECTIONS, mrope_interleaved=True, partial_rotary_factor=1.0)
HALVED = rope(mrope_section=[3, 3, 2], partial_rotary_factor=0.5)
OUT = {"out_hidden_size": WIDTH}
# A newline is a token of its own in the tokenizers of Gemma's kin.
NEWLINES = tuple("\n" * n for n in (1, 2, 3, 4))
MIXTURE = INTERLEAVED | dict(
    num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, norm_topk_prob=True
)


@dataclass(frozen=True)
class Edited(Small):
    """A checkpoint that is changed after transformers wrote it.

    Attributes:
        weight: what becomes of each weight, by its name.
    """

    weight: Callable[[str, Tensor], Tensor] = lambda _, tensor: tensor

    def save(self, folder: Path) -> Path:
        """Writes weights, configuration, tokenizer and processor."""
        super().save(folder)
        file = folder / "model.safetensors"
        weights = {name: self.weight(name, tensor) for name, tensor in load_file(file).items()}
        save_file(weights, file, metadata={"format": "pt"})
        return folder


def _level_positions(name: str, tensor: Tensor) -> Tensor:
    """The same in all rows: two rules that stretch the table to more rows then agree."""
    is_table = name.endswith("position_embedding.weight")
    return tensor[:1].expand_as(tensor).clone() if is_table else tensor


def _published_experts(name: str, tensor: Tensor) -> Tensor:
    """The way round that published checkpoints have; transformers reads both."""
    return tensor.transpose(1, 2).contiguous() if ".experts." in name else tensor


MORE: dict[str, Small] = {
    "llava, pixtral": Small("llava:pixtral"),
    "mistral3": Small("mistral3", spread=0.05),
    # vLLM cuts each picture into tiles, transformers only one that is alone in its prompt.
    "llava_onevision": Small(
        "llava_onevision", renamed=CLIP_NAMES, stock=replace(ALL["llava_onevision"], most=1)
    ),
    "glm4v": Small("glm4v", HALVED, OUT, rope="M-RoPE, half of each head"),
    "glm4v_moe": Small(
        "glm4v_moe",
        HALVED
        | dict(
            n_routed_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
            first_k_dense_replace=1,
            use_qk_norm=False,
        ),
        OUT,
        stock=ALL["glm4v"],
        rope="M-RoPE, half of each head",
    ),
    "glm_ocr": Small(
        "glm_ocr",
        # vLLM takes the width of its merger from there.
        HALVED | dict(intermediate_size=3 * WIDTH),
        OUT,
        stock=ALL["glm4v"],
        rope="M-RoPE, half of each head",
    ),
    "qwen3_vl_moe": Edited(
        "qwen3_vl_moe",
        MIXTURE,
        OUT,
        stock=ALL["qwen3_vl"],
        rope="interleaved M-RoPE",
        weight=_published_experts,
    ),
    # vLLM scales the logits of these checkpoints, and its window is one token wider.
    "cohere2_vision": Small(
        "cohere2_vision",
        {"logit_scale": 1.0, "sliding_window": 512},
        renamed=("model.vision_tower.", "model.vision_tower.vision_model."),
    ),
    "llama4": Small("llama4"),
    "gemma3n": Small("gemma3n", markers=NEWLINES),
    "smolvlm": Small("smolvlm"),
    "idefics3": Small("idefics3"),
    "paddleocr_vl": Edited(
        "paddleocr_vl",
        AXES,
        weight=_level_positions,
        stock=PADDLEOCR,
        rope="M-RoPE",
    ),
}
