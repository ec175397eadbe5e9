"""Writes a saved model so that every supported transformers reads it, as models on the hub are."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from lmms_bapa.embedded.card import WEIGHTS
from lmms_bapa.embedded.language import IMAGE

# Old versions start weights of another name at random, and only log it.
_TOWER, _OLD_TOWER = "vision_tower.", "vision_tower.vision_model."


def make_portable(folder: Path) -> None:
    """Gives weights and tokenizer of a saved model the names that old versions know, too."""
    weights = {
        name if name.startswith(_OLD_TOWER) else name.replace(_TOWER, _OLD_TOWER, 1): values
        for name, values in load_file(folder / WEIGHTS).items()
    }
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for unknown in ("backend", "image_token"):
        config.pop(unknown, None)
    config |= {
        "extra_special_tokens": {"image_token": IMAGE},
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
