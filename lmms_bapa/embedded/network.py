"""The untrained network, with starting weights that make training short."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from lmms_bapa.embedded.language import IMAGE
from lmms_bapa.embedded.recipe import Architecture

_EMBEDDING_SPREAD = 0.5
_DECODER_SPREAD = 0.08
_QUERY_KEY_NOISE = 0.25
_CELL_SPREAD, _WITHIN_CELL_SPREAD = 0.5, 0.3


def cell_of_token(sizes: Architecture) -> Tensor:
    """The row-major cell that each image token looks at; shape (image tokens,)."""
    line = torch.arange(sizes.patches_a_side) * sizes.rows // sizes.patches_a_side
    return (line[:, None] * sizes.rows + line[None, :]).flatten()


def _place_in_cell(sizes: Architecture) -> Tensor:
    """The place of each image token inside its cell; shape (image tokens,)."""
    in_cell = sizes.patches_a_side // sizes.rows
    line = torch.arange(sizes.patches_a_side) % in_cell
    return (line[:, None] * in_cell + line[None, :]).flatten()


def _attend_to_alike(attention: Any, noise: float) -> None:
    """Sets queries and keys near the identity, so that alike tokens attend to each other."""
    for projection in (attention.q_proj, attention.k_proj):
        weight = projection.weight
        weight.mul_(noise).add_(torch.eye(weight.shape[0]))


@torch.no_grad()
def _prepare(model: Any, sizes: Architecture) -> None:
    """Gives the network a start from which it learns quickly.

    A token must see all patches of its cell before it can name the cell's picture. Position
    embeddings that are alike within a cell, and attention between alike tokens, hand it that.
    """
    base = model.model
    nn.init.normal_(base.language_model.embed_tokens.weight, std=_EMBEDDING_SPREAD)
    for layer in base.language_model.layers:
        _attend_to_alike(layer.self_attn, _QUERY_KEY_NOISE)
    tower = getattr(base.vision_tower, "vision_model", base.vision_tower)
    width = sizes.vision_width
    in_cell = (sizes.patches_a_side // sizes.rows) ** 2
    cells = _CELL_SPREAD * torch.randn(sizes.cells, width)
    places = _WITHIN_CELL_SPREAD * torch.randn(in_cell, width)
    positions = cells[cell_of_token(sizes)] + places[_place_in_cell(sizes)]
    class_token = torch.zeros(1, width)
    tower.embeddings.position_embedding.weight.copy_(torch.cat([class_token, positions]))
    for layer in tower.encoder.layers:
        _attend_to_alike(layer.self_attn, noise=1.0)


def build_network(sizes: Architecture, tokenizer: Any) -> Any:
    """A LLaVA network with fresh weights, drawn from torch's global generator."""
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = CLIPVisionConfig(
        hidden_size=sizes.vision_width,
        intermediate_size=3 * sizes.vision_width,
        num_hidden_layers=sizes.vision_layers,
        num_attention_heads=sizes.vision_width // sizes.head_width,
        image_size=sizes.image_pixels,
        patch_size=sizes.patch_pixels,
        projection_dim=sizes.vision_width,
        hidden_act="gelu",
    )
    heads = sizes.text_width // sizes.head_width
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.text_width,
        intermediate_size=3 * sizes.text_width // 2,
        num_hidden_layers=sizes.text_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=sizes.max_positions,
        initializer_range=_DECODER_SPREAD,
        tie_word_embeddings=False,
        **special,
    )
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision,
            text_config=text,
            image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
            image_seq_length=sizes.image_tokens,
            vision_feature_layer=-1,
            vision_feature_select_strategy="default",
            **special,
        )
    )
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=4, **special)
    _prepare(model, sizes)
    return model
