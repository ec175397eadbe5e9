"""Emu3: a picture becomes words of a codebook, which are embedded as text is."""

from __future__ import annotations

import torch
from torch import Generator

from .spec import IMAGE, TEXT, Layout, Pictures, Tiny

CODES = 16
WORDS = {f"<|visual token {i:06d}|>": IMAGE + 1 + i for i in range(CODES)}
END_OF_LINE = 117
OPEN, CLOSE, WRAPPER, END_OF_FRAME = 90, 91, 92, 93
SIZES = {"a": (8, 8), "b": (4, 6)}  # pixels; 2 x 2 of them make a code


def _layout(size: str) -> Layout:
    """The rows and columns in figures, the codes with an end of line behind each row of them."""
    h, w = (side // 2 for side in SIZES[size])
    return Layout([IMAGE] * (h * (w + 1)), [OPEN, 5 + h, 6, 5 + w, WRAPPER], [END_OF_FRAME, CLOSE])


def _picture(size: str, g: Generator) -> Pictures:
    h, w = SIZES[size]
    canvas = torch.zeros(1, 3, 8, 8)
    canvas[:, :, :h, :w] = torch.randn(1, 3, h, w, generator=g)
    # The encoder's norms see the padding, so all batches have to have the same.
    return {"pixel_values": canvas, "image_sizes": torch.tensor([[h, w]])}


MODELS = {
    "emu3": Tiny(
        config=dict(
            vq_config=dict(
                codebook_size=CODES,
                embed_dim=4,
                latent_channels=4,
                base_channels=32,
                channel_multiplier=[1, 1],
                num_res_blocks=1,
                attn_resolutions=[],
                hidden_size=32,
                temporal_downsample_factor=2,
            ),
            text_config=TEXT,
            vocabulary_map={"<image>": IMAGE, "<|extra_200|>": END_OF_LINE, **WORDS},
        ),
        layouts={size: _layout(size) for size in SIZES},
        picture=_picture,
        since="5.16",  # before, the stock model's forward drops the pictures
    ),
}
