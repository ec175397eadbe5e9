"""Small random models of real architectures, with hand-made inputs. Nothing is downloaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from .tiny.spec import in_its_words

IMAGE, VIDEO, VISION_START, VISION_END, PAD = 100, 101, 102, 103, 0
TEXT = dict(
    vocab_size=120,
    hidden_size=48,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    pad_token_id=PAD,
    bos_token_id=1,
    eos_token_id=2,
)
_TAKES_TOKEN_TYPES = (
    "mm_token_type_ids" in inspect.signature(Qwen2_5_VLForConditionalGeneration.forward).parameters
)
# A row of a prompt: a number is that many text tokens, a string names an image size.
Row = Sequence[int | str]


@dataclass(frozen=True)
class TinyModel:
    """One architecture.

    Attributes:
        build: makes the model, with seeded random weights.
        grid: (height, width) in image tokens of each named image size.
        axes: position axes.
        wrap: text tokens that the processor puts before and behind an image.
    """

    build: Callable[[], Any]
    grid: dict[str, tuple[int, int]]
    axes: int
    wrap: tuple[list[int], list[int]]

    def pictures(self, sizes: Sequence[str]) -> dict[str, torch.Tensor]:
        """Random pictures as the model's processor would hand them over."""
        noise = [torch.Generator().manual_seed(7 + i) for i, _ in enumerate(sizes)]
        if not sizes:
            return {}
        if self.axes == 1:
            return {
                "pixel_values": torch.cat([torch.randn(1, 3, 28, 28, generator=g) for g in noise])
            }
        shapes = [(2 * h, 2 * w) for h, w in (self.grid[s] for s in sizes)]
        return {
            "pixel_values": torch.cat(
                [
                    torch.randn(h * w, 3 * 2 * 16, generator=g)
                    for (h, w), g in zip(shapes, noise, strict=True)
                ]
            ),
            "image_grid_thw": torch.tensor([[1, h, w] for h, w in shapes]),
        }

    def row_ids(self, row: Row, seed: int) -> list[int]:
        """Token ids of a row; text ids are random."""
        g = torch.Generator().manual_seed(seed)
        ids: list[int] = []
        for part in row:
            if isinstance(part, int):
                ids += torch.randint(5, 90, (part,), generator=g).tolist()
            else:
                h, w = self.grid[part]
                ids += [*self.wrap[0], *[IMAGE] * (h * w), *self.wrap[1]]
        return ids

    def inputs(self, rows: Sequence[Row], padding: str = "left") -> dict[str, Any]:
        """A padded batch."""
        sequences = [
            self.row_ids(row, seed=len(row) + sum(p for p in row if isinstance(p, int)))
            for row in rows
        ]
        length = max(map(len, sequences))
        ids = torch.full((len(rows), length), PAD)
        mask = torch.zeros(len(rows), length, dtype=torch.long)
        for i, s in enumerate(sequences):
            place = slice(length - len(s), None) if padding == "left" else slice(0, len(s))
            ids[i, place] = torch.tensor(s)
            mask[i, place] = 1
        batch = {"input_ids": ids, "attention_mask": mask}
        batch |= self.pictures([p for row in rows for p in row if isinstance(p, str)])
        if self.axes > 1 and _TAKES_TOKEN_TYPES:
            batch["mm_token_type_ids"] = (ids == IMAGE).long()
        return batch

    def layout(self, row: Row) -> list[tuple[str, int, tuple[int, int] | None]]:
        """The row as the decoder sees it: ('text', n, None) and ('image', n, (h, w)) parts."""
        parts: list[tuple[str, int, tuple[int, int] | None]] = []
        for part in row:
            if isinstance(part, int):
                parts.append(("text", part, None))
                continue
            h, w = self.grid[part]
            before, after = (len(x) for x in self.wrap)
            parts += [("text", before, None), ("image", h * w, (h, w)), ("text", after, None)]
        return parts


def _llava() -> Any:
    torch.manual_seed(0)
    vision = dict(
        model_type="clip_vision_model",
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=7,
        projection_dim=32,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=dict(TEXT, model_type="llama"),
        image_token_index=IMAGE,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )
    return LlavaForConditionalGeneration(config)


def _qwen2_5_vl() -> Any:
    torch.manual_seed(0)
    vision = dict(
        depth=2,
        hidden_size=32,
        intermediate_size=48,
        num_heads=2,
        out_hidden_size=48,
        patch_size=4,
        spatial_merge_size=2,
        temporal_patch_size=2,
        window_size=16,
        fullatt_block_indexes=[1],
    )
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}
    config = Qwen2_5_VLConfig(
        vision_config=vision,
        text_config=in_its_words(dict(TEXT, rope_parameters=rope)),
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=VISION_START,
        vision_end_token_id=VISION_END,
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def _sharpened(build: Callable[[], Any]) -> Callable[[], Any]:
    """Larger weights, so that a wrong position or embedding shows in the logits."""

    def make() -> Any:
        model = build().eval()
        with torch.no_grad():
            for p in model.parameters():
                if p.ndim > 1:
                    p.mul_(4)
        model.generation_config.eos_token_id = None
        # A generated image token would break the recompute that the tests compare with.
        model.generation_config.suppress_tokens = list(range(90, 120))
        return model

    return make


TINY: dict[str, TinyModel] = {
    "llava": TinyModel(_sharpened(_llava), {"a": (4, 4), "b": (4, 4)}, 1, ([], [])),
    "qwen2_5_vl": TinyModel(
        _sharpened(_qwen2_5_vl),
        {"a": (2, 3), "b": (4, 2)},
        3,
        ([VISION_START], [VISION_END]),
    ),
}
