"""Gemma 3 and its kin: soft tokens between a begin and an end marker."""

from __future__ import annotations

from typing import Any

import transformers as t

from .spec import SQUARE, TEXT, TOWER, Checkpoint, Ids
from .words import chat

LAYERS = ["sliding_attention", "full_attention"]
TURNS = ("<start_of_turn>", "<end_of_turn>")
SOFT = {
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "image_token": "<image_soft_token>",
}
SOUND = {
    "audio_token": "<audio_soft_token>",
    "boa_token": "<start_of_audio>",
    "eoa_token": "<end_of_audio>",
}
TOKENS = {"pad": "<pad>", "bos": "<bos>", "eos": "<eos>"}
# The last two layers take the keys of the first two.
SHARED = dict(
    TEXT, num_hidden_layers=4, layer_types=LAYERS * 2, num_kv_shared_layers=2, sliding_window=64
)
NEW = {
    "boi_token": "<|image>",
    "eoi_token": "<image|>",
    "image_token": "<|image|>",
    "boa_token": "<|audio>",
    "eoa_token": "<audio|>",
    "audio_token": "<|audio|>",
}


def turns(image: str) -> str:
    """Gemma's chat format, with what stands for a picture."""
    opening, closing = "<start_of_turn>ROLE\n", "<end_of_turn>\n"
    return chat(image, opening, closing, "<start_of_turn>model\n", "{{ bos_token }}")


def _gemma3(tokenizer: Any, **extra: Any) -> Any:
    return t.Gemma3Processor(
        image_processor=t.Gemma3ImageProcessor(size=SQUARE),
        tokenizer=tokenizer,
        image_seq_length=4,
        **extra,
    )


def _gemma3n(tokenizer: Any, **extra: Any) -> Any:
    return t.Gemma3nProcessor(
        feature_extractor=t.Gemma3nAudioFeatureExtractor(),
        image_processor=t.SiglipImageProcessor(size={"height": 64, "width": 64}),
        tokenizer=tokenizer,
        image_seq_length=4,
        **extra,
    )


def _gemma4(tokenizer: Any, **extra: Any) -> Any:
    pictures = dict(patch_size=4, pooling_kernel_size=2, max_soft_tokens=70)
    return t.Gemma4Processor(
        feature_extractor=t.Gemma4AudioFeatureExtractor(),
        image_processor=t.Gemma4ImageProcessor(**pictures),
        tokenizer=tokenizer,
        video_processor=t.Gemma4VideoProcessor(**pictures),
        image_seq_length=70,
        **extra,
    )


def _gemma3n_config(ids: Ids) -> dict[str, Any]:
    first = ids("<image_soft_token>")
    return dict(
        # A small timm network of the same kind of output; the real one has 300M parameters.
        vision_config=dict(
            architecture="test_convnext", hidden_size=64, vocab_size=1, vocab_offset=first
        ),
        audio_config=dict(
            conf_num_hidden_layers=1,
            conf_num_attention_heads=2,
            hidden_size=16,
            vocab_size=1,
            vocab_offset=ids("<audio_soft_token>"),
        ),
        text_config=dict(
            SHARED,
            vocab_size_per_layer_input=first,
            hidden_size_per_layer_input=8,
            intermediate_size=[64] * 4,
            laurel_rank=8,
            activation_sparsity_pattern=[0.0] * 4,
        ),
        vision_soft_tokens_per_image=4,
        image_token_id=first,
        audio_token_id=ids("<audio_soft_token>"),
        boi_token_id=ids("<start_of_image>"),
        eoi_token_id=ids("<end_of_image>"),
    )


CHECKPOINTS = {
    "gemma3": Checkpoint(
        adapter="gemma3_bapa",
        config=lambda ids: dict(
            vision_config=dict(TOWER, model_type="siglip_vision_model", vision_use_head=False),
            text_config=dict(TEXT, sliding_window=64, layer_types=LAYERS, query_pre_attn_scalar=12),
            mm_tokens_per_image=4,
            # Tied and random, it would write its last word again and again.
            tie_word_embeddings=False,
            image_token_index=ids("<image_soft_token>"),
            boi_token_index=ids("<start_of_image>"),
            eoi_token_index=ids("<end_of_image>"),
        ),
        processor=_gemma3,
        template=turns("<start_of_image>"),
        named=SOFT,
        markers=TURNS,
        tokens=TOKENS,
        adds_first=True,
        spread=0.1,
    ),
    "gemma3n": Checkpoint(
        adapter="gemma3n_bapa",
        config=_gemma3n_config,
        processor=_gemma3n,
        template=turns("<image_soft_token>"),
        # The two soft tokens come last, where the embeddings of pictures and sounds begin.
        markers=(*TURNS, *(v for k, v in (SOFT | SOUND).items() if k[0] in "be")),
        named=SOFT | SOUND,
        tokens=TOKENS,
        needs="timm",
    ),
    "gemma4": Checkpoint(
        adapter="gemma4_bapa",
        config=lambda ids: dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=16,
                patch_size=4,
                pooling_kernel_size=2,
                position_embedding_size=64,
            ),
            text_config=dict(
                SHARED,
                global_head_dim=16,
                hidden_size_per_layer_input=8,
                vocab_size_per_layer_input=ids("<|audio|>") + 1,
                use_bidirectional_attention="vision",
            ),
            image_token_id=ids("<|image|>"),
            video_token_id=ids("<|video|>"),
            audio_token_id=ids("<|audio|>"),
            boi_token_id=ids("<|image>"),
            eoi_token_id=ids("<image|>"),
            audio_config=None,
        ),
        processor=_gemma4,
        template=turns("\n\n<|image|>\n\n"),
        named=NEW,
        markers=(*TURNS, "<|video|>"),
        tokens=TOKENS,
    ),
}
