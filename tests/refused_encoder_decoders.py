"""Small configurations of encoder-decoders: model type -> its arguments."""

from __future__ import annotations

from typing import Any

SPECIAL = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2)
SIZES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2)
VISION = dict(SIZES, image_size=28, patch_size=7)
SIGLIP = dict(VISION, model_type="siglip_vision_model", vision_use_head=False)
TEXT = dict(SIZES, **SPECIAL, vocab_size=120, max_position_embeddings=64)
T5 = dict(vocab_size=120, d_kv=16, d_ff=48, num_layers=1, num_heads=2)

ENCODER_DECODERS: dict[str, dict[str, Any]] = {
    "florence2": dict(
        vision_config=dict(
            embed_dim=[8, 16],
            num_heads=[1, 2],
            num_groups=[1, 2],
            depths=[1, 1],
            patch_size=[7, 3],
            patch_stride=[4, 2],
            patch_padding=[3, 1],
            patch_prenorm=[False, True],
            projection_dim=32,
        ),
        text_config=dict(
            SPECIAL,
            model_type="bart",
            vocab_size=120,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
        ),
    ),
    "pix2struct": dict(
        text_config=dict(
            vocab_size=120, hidden_size=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2
        ),
        vision_config=dict(
            hidden_size=32,
            patch_embed_hidden_size=32,
            d_ff=48,
            d_kv=16,
            num_hidden_layers=1,
            num_attention_heads=2,
        ),
    ),
    "pp_formulanet": dict(
        text_config=dict(
            SPECIAL,
            vocab_size=120,
            d_model=32,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=48,
        ),
        vision_config=dict(
            hidden_size=32,
            output_channels=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=64,
            patch_size=16,
            mlp_dim=48,
            global_attn_indexes=[0],
        ),
    ),
    "t5gemma2": dict(
        encoder=dict(
            text_config=dict(TEXT, num_key_value_heads=2, head_dim=16),
            vision_config=SIGLIP,
            mm_tokens_per_image=4,
            image_token_index=100,
            boi_token_index=101,
            eoi_token_index=102,
        ),
        decoder=dict(TEXT, num_key_value_heads=2, head_dim=16),
    ),
    "udop": dict(T5, d_model=32, image_size=28, patch_size=7),
    "vision-encoder-decoder": dict(
        encoder=dict(VISION, model_type="vit"),
        decoder=dict(
            SPECIAL,
            model_type="gpt2",
            vocab_size=120,
            n_embd=32,
            n_layer=1,
            n_head=2,
            add_cross_attention=True,
            is_decoder=True,
        ),
    ),
}
