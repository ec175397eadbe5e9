"""Small random checkpoints that both transformers and vLLM load.

They are those of ``tests/checkpoints`` with a wider language model: vLLM's attention on a CPU takes
head sizes from 32 on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from tests.checkpoints import SAVED, Checkpoint
from tests.checkpoints.spec import Ids

HEAD = 32
WIDTH = 4 * HEAD
TEXT = dict(hidden_size=WIDTH, intermediate_size=2 * WIDTH, head_dim=HEAD)
# So that both interventions show, and log-probabilities stay small enough to be compared.
SPREAD = 0.07
# Frequencies on each of three position axes; together half a head.
SECTIONS = [6, 5, 5]
# Of the prompts that the tests ask, so that a rule for long ones comes into play.
TRAINED = 32

Words = dict[str, Any]


@dataclass(frozen=True)
class Small:
    """One case: a family and how positions become angles there.

    Attributes:
        family: its name in ``tests/checkpoints``.
        text: what its language model has otherwise.
        vision: what its vision tower has otherwise.
        whole: what its configuration has otherwise.
        renamed: (what a weight's name begins with, what vLLM wants it to begin with). transformers
            reads both.
        markers: what its tokenizer has beside the markers of the family.
        unread: inputs of the processor that transformers is not given.
        rope: the kind of its rotary embedding, for the table.
        spread: standard deviation of the weights.
        stock: its checkpoint, if ``tests/checkpoints`` has none, or another one.
    """

    family: str
    text: Mapping[str, Any] = field(default_factory=dict)
    vision: Mapping[str, Any] = field(default_factory=dict)
    whole: Mapping[str, Any] = field(default_factory=dict)
    renamed: tuple[str, str] | None = None
    markers: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    rope: str = "default"
    spread: float = SPREAD
    stock: Checkpoint | None = None

    def save(self, folder: Path) -> Path:
        """Writes weights, configuration, tokenizer and processor."""
        stock = self.facts
        small = replace(
            stock,
            config=partial(self._widened, stock.config),
            markers=(*stock.markers, *self.markers),
            spread=self.spread,
        )
        small.save(self.family, folder)
        # It forbids tokens that a trained model does not write; here every log-probability counts.
        (folder / "generation_config.json").unlink()
        if self.renamed is not None:
            rename(folder / "model.safetensors", *self.renamed)
        return folder

    @property
    def facts(self) -> Checkpoint:
        """What the other tests know about its family."""
        return self.stock or SAVED[self.family]

    def _widened(self, config: Callable[[Ids], Words], ids: Ids) -> Words:
        words = config(ids)
        return words | {
            "text_config": words["text_config"] | TEXT | dict(self.text),
            "vision_config": words["vision_config"] | dict(self.vision),
            **self.whole,
        }


def rename(weights: Path, old: str, new: str) -> None:
    """Gives weights in a file other names."""
    tensors = load_file(weights)
    assert any(name.startswith(old) for name in tensors)
    renamed = {
        new + name.removeprefix(old) if name.startswith(old) else name: tensor
        for name, tensor in tensors.items()
    }
    save_file(renamed, weights, metadata={"format": "pt"})


def rope(**words: Any) -> Words:
    """A language model's rotary settings."""
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0} | words}


CLIP_NAMES = ("vision_tower.", "vision_tower.vision_model.")
AXES = rope(mrope_section=SECTIONS)
LLAVA = partial(Small, "llava", renamed=CLIP_NAMES)

FAMILIES: dict[str, Small] = {
    "llava": LLAVA(),
    "llava_next": Small("llava_next", renamed=CLIP_NAMES),
    "qwen2_vl": Small("qwen2_vl", AXES, {"hidden_size": WIDTH}, rope="M-RoPE"),
    "qwen2_5_vl": Small("qwen2_5_vl", AXES, {"out_hidden_size": WIDTH}, rope="M-RoPE"),
    "qwen3_vl": Small(
        "qwen3_vl",
        rope(mrope_section=SECTIONS, mrope_interleaved=True),
        {"out_hidden_size": WIDTH},
        rope="interleaved M-RoPE",
    ),
    "internvl": Small("internvl"),
    "gemma3": Small(
        "gemma3",
        {"query_pre_attn_scalar": HEAD},
        renamed=CLIP_NAMES,
        # As Gemma's tokenizer has them, and vLLM's processor wants them.
        markers=tuple("\n" * n for n in (1, 2, 3, 4)),
        # They let an image's tokens see later ones, which vLLM's attention on a CPU cannot do.
        unread=("token_type_ids", "mm_token_type_ids"),
    ),
}

ROPES: dict[str, Small] = {
    f"llava, {name}": LLAVA(rope(rope_type=name, **words), rope=name)
    for name, words in {
        "linear": dict(factor=4.0),
        "dynamic": dict(factor=4.0),
        "llama3": dict(
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=TRAINED,
        ),
        "yarn": dict(factor=4.0, original_max_position_embeddings=TRAINED),
        "longrope": dict(
            short_factor=[1 + i / 8 for i in range(HEAD // 2)],
            long_factor=[2 + i / 4 for i in range(HEAD // 2)],
            original_max_position_embeddings=4096,
        ),
    }.items()
}
