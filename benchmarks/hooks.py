"""What the hooks cost: CPU time inside them, against the CPU time of the model around them.

A LLaVA of random weights (8 decoder layers, width 512) and one picture of 576 tokens, one thread.
The ratio is 1 + (time in hooks) / (time in the rest of the same calls), so that a noisy machine
disturbs both alike. Run it with ``python -m benchmarks.hooks``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import LlavaConfig, LlavaForConditionalGeneration

from lmms_bapa.interventions import AGCI, BaPA, Intervention
from lmms_bapa.steering import Steering

IMAGE, TEXT_BEFORE, TEXT_AFTER, STEPS, ROUNDS = 32000, 8, 40, 16, 7
LIMIT = 1.01
SETTINGS: dict[str, list[Intervention]] = {
    "off": [BaPA(strength=0), AGCI(0.0)],
    "BaPA": [BaPA()],
    "BaPA centred": [BaPA(anchor="center")],
    "AGCI": [AGCI(0.3)],
    "both": [BaPA(), AGCI(0.3)],
}
HOOKS = ("_enter_base", "_leave_base", "_enter_decoder", "_leave_decoder", "_enter_rotary")


def build() -> Any:
    """The model; its vision tower is tiny, since no hook runs there."""
    torch.manual_seed(0)
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 96,
        "patch_size": 4,
        "projection_dim": 32,
    }
    text = {
        "model_type": "llama",
        "vocab_size": IMAGE + 1,
        "hidden_size": 512,
        "intermediate_size": 1536,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "pad_token_id": 0,
    }
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, vision_feature_layer=-1
    )
    return LlavaForConditionalGeneration(config).eval()


class Timed(Steering):
    """A steering that counts the thread time spent in its own hooks."""

    spent = 0.0

    def __init__(self, model: Any, *interventions: Intervention) -> None:
        for name in HOOKS:
            setattr(self, name, self._clocked(getattr(self, name)))
        super().__init__(model, *interventions)

    def _clocked(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            start = time.thread_time()
            try:
                return hook(*args)
            finally:
                self.spent += time.thread_time() - start

        return run


def measure(model: Any, interventions: list[Intervention]) -> tuple[float, float]:
    """The ratios of one prefill and of one decode step."""
    ids = torch.randint(5, 900, (1, TEXT_BEFORE + 576 + TEXT_AFTER))
    ids[0, TEXT_BEFORE : TEXT_BEFORE + 576] = IMAGE
    pixels = torch.randn(1, 3, 96, 96)
    mask = torch.ones_like(ids)
    with Timed(model, *interventions) as steering, torch.inference_mode():
        start = time.thread_time()
        output = model(input_ids=ids, attention_mask=mask, pixel_values=pixels, use_cache=True)
        total, inside = time.thread_time() - start, steering.spent
        prefill = total / (total - inside)
        steering.spent = 0.0
        start = time.thread_time()
        for _ in range(STEPS):
            mask = torch.cat([mask, mask[:, :1]], dim=1)
            output = model(
                input_ids=ids[:, :1],
                attention_mask=mask,
                position_ids=mask.sum(dim=1, keepdim=True) - 1,
                past_key_values=output.past_key_values,
                use_cache=True,
            )
        total, inside = time.thread_time() - start, steering.spent
    return prefill, total / (total - inside)


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    model = build()
    table = Table(title=f"CPU time with hooks / without, median of {ROUNDS} (limit {LIMIT})")
    for heading in ("setting", "prefill, 576 image tokens", "decode step"):
        table.add_column(heading, justify="left" if heading == "setting" else "right")
    measure(model, [BaPA()])
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    for _ in range(ROUNDS):
        for name, interventions in SETTINGS.items():
            found[name].append(measure(model, interventions))
    for name, pairs in found.items():
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
        table.add_row(name, *(f"{m:.4f}" for m in medians))
    Console().print(table)


if __name__ == "__main__":
    main()
