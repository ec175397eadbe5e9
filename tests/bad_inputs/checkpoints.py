"""Checkpoints that are none, or not what they say."""

from __future__ import annotations

from .rows import Row, rows

_STEM = "lmms-eval --model {} --tasks spatial_probe_lite --limit 18 --output_path out --log_samples"

CHECKPOINTS: list[Row] = rows(
    "checkpoint",
    _STEM,
    [
        ("no folder", "hf_bapa --model_args pretrained=./nowhere", "no such folder"),
        ("a file", "hf_bapa --model_args pretrained=file.txt", "no such folder"),
        ("empty folder", "hf_bapa --model_args pretrained=./empty", "no config.json"),
        ("symlink loop", "hf_bapa --model_args pretrained=./loop", "no such folder"),
        ("config is cut", "hf_bapa --model_args pretrained=checkpoints/cut_config", "cut_config"),
        ("config is a list", "hf_bapa --model_args pretrained=checkpoints/list", "list"),
        ("config is empty", "hf_bapa --model_args pretrained=checkpoints/blank", "blank"),
        ("no model type", "hf_bapa --model_args pretrained=checkpoints/no_type", "no_type"),
        ("unknown type", "hf_bapa --model_args pretrained=checkpoints/unknown", "unknown"),
        ("text only", "hf_bapa --model_args pretrained=checkpoints/text", "image-text-to-text"),
        (
            "another family",
            "qwen2_5_vl_bapa --model_args pretrained=micro-llava",
            "use --model hf_bapa",
        ),
        (
            "encoder-decoder",
            "hf_bapa --model_args pretrained=checkpoints/florence,bapa=true",
            "encoder-decoder",
        ),
        ("no weights", "hf_bapa --model_args pretrained=checkpoints/no_weights", "no_weights"),
        ("weights are cut", "hf_bapa --model_args pretrained=checkpoints/cut", "cut"),
        ("weights are text", "hf_bapa --model_args pretrained=checkpoints/no_safe", "no_safe"),
        ("weights are empty", "hf_bapa --model_args pretrained=checkpoints/zero", "zero"),
        ("a weight is missing", "hf_bapa --model_args pretrained=checkpoints/lacks", "missing"),
        (
            "a weight has another shape",
            "hf_bapa --model_args pretrained=checkpoints/wide",
            "another shape",
        ),
        ("no tokenizer", "hf_bapa --model_args pretrained=checkpoints/mute", "processor"),
        ("no processor", "hf_bapa --model_args pretrained=checkpoints/blind", "processor"),
        ("tokenizer is cut", "hf_bapa --model_args pretrained=checkpoints/stutter", "processor"),
        ("no template", "hf_bapa --model_args pretrained=checkpoints/plain", "chat template"),
        ("hub id offline", "hf_bapa --model_args pretrained=no/body", "pretrained=no/body"),
        ("adapter is misspelt", "lava_bapa --model_args pretrained=micro-llava", "llava_bapa"),
        ("adapter is unknown", "blip_bapa --model_args pretrained=micro-llava", "there are"),
    ],
)
