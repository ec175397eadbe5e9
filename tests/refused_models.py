"""Small configurations of the architectures that are refused: model type -> its arguments.

A name may carry a variant behind a colon.
"""

from __future__ import annotations

from typing import Any

from .refused_encoder_decoders import ENCODER_DECODERS, SIGLIP, SIZES, SPECIAL, T5, TEXT, VISION

GEMMA = dict(TEXT, model_type="gemma", num_key_value_heads=1, head_dim=16)

# The BLIPs take many language models.
QUERIES = dict(
    vision_config=VISION,
    qformer_config=dict(SIZES, vocab_size=120, encoder_hidden_size=32),
    num_query_tokens=4,
)
LLAMA_BEHIND = dict(QUERIES, text_config=dict(TEXT, model_type="llama"))
T5_BEHIND = dict(QUERIES, text_config=dict(T5, model_type="t5", d_model=32))
OPT_BEHIND = dict(
    QUERIES,
    text_config=dict(
        SPECIAL,
        model_type="opt",
        vocab_size=120,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        word_embed_proj_dim=32,
    ),
)

INKLING_TEXT = dict(
    TEXT,
    num_key_value_heads=2,
    head_dim=16,
    swa_num_attention_heads=2,
    swa_num_key_value_heads=2,
    swa_head_dim=16,
    d_rel=4,
    moe_intermediate_size=32,
    n_routed_experts=4,
    num_experts_per_tok=2,
)
KOSMOS = dict(
    text_config=dict(
        SPECIAL,
        vocab_size=120,
        embed_dim=32,
        layers=1,
        ffn_dim=48,
        attention_heads=2,
        max_position_embeddings=64,
    ),
    latent_query_num=4,
)

CONFIGS: dict[str, dict[str, Any]] = ENCODER_DECODERS | {
    "blip": dict(vision_config=VISION, text_config=TEXT),
    "blip-2": dict(OPT_BEHIND, image_token_index=100),
    "blip-2:t5": dict(T5_BEHIND, image_token_index=100),
    "chameleon": dict(
        TEXT,
        num_key_value_heads=2,
        vocabulary_map={"<image>": 100, "IMGIMGAZ": 101},
        vq_config=dict(
            base_channels=32,
            channel_multiplier=[1],
            num_res_blocks=1,
            num_embeddings=8,
            embed_dim=8,
            latent_channels=8,
        ),
    ),
    "diffusion_gemma": dict(
        text_config=dict(
            TEXT,
            num_key_value_heads=1,
            head_dim=16,
            global_head_dim=16,
            num_experts=4,
            top_k_experts=2,
            moe_intermediate_size=32,
        ),
        vision_config=dict(SIZES, num_key_value_heads=2, head_dim=16, patch_size=4),
        image_token_id=100,
    ),
    "evolla": dict(
        TEXT,
        num_key_value_heads=2,
        protein_encoder_config=dict(SIZES, vocab_size=30),
        aligner_num_add_layers=1,
        resampler_depth=1,
        resampler_heads=2,
        resampler_dim_head=8,
        resampler_num_latents=4,
    ),
    "git": dict(TEXT, vision_config=VISION),
    "glm5_next": dict(
        text_config=dict(
            TEXT,
            num_key_value_heads=2,
            moe_intermediate_size=32,
            n_routed_experts=4,
            num_experts_per_tok=2,
            kv_lora_rank=16,
            q_lora_rank=16,
            qk_nope_head_dim=16,
            v_head_dim=16,
            index_head_dim=16,
            index_n_heads=2,
            linear_head_dim=16,
            linear_num_heads=2,
            layer_types=["linear_attention", "full_attention"],
        ),
        vision_config=dict(
            depth=1, hidden_size=32, num_heads=2, out_hidden_size=32, intermediate_size=48
        ),
        image_token_id=100,
        video_token_id=101,
    ),
    "granite4_vision": dict(
        vision_config=dict(SIGLIP, hidden_size=64),
        text_config=dict(TEXT, num_key_value_heads=2),
        downsample_rate="1/2",
        deepstack_layer_map=[[-1, 0]],
        spatial_target_layers=[1],
        image_token_index=100,
    ),
    "idefics": dict(
        TEXT,
        vision_config=dict(
            embed_dim=32,
            image_size=28,
            patch_size=7,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=48,
        ),
        cross_layer_interval=1,
        additional_vocab_size=2,
    ),
    "inkling2": dict(
        text_config=dict(
            INKLING_TEXT, unpadded_vocab_size=120, layer_types=["hybrid_sliding", "hybrid"]
        ),
        vision_config=dict(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            patch_size=4,
            text_hidden_size=32,
            projection_hidden_dim=32,
        ),
        image_token_id=100,
    ),
    "inkling_mm_model": dict(
        text_config=dict(INKLING_TEXT, layer_types=["hybrid_sliding", "hybrid"]),
        vision_config=dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, patch_size=4
        ),
        audio_config=dict(n_mel_bins=4, mel_vocab_size=4),
        image_token_id=100,
        audio_token_id=101,
    ),
    "instructblip": dict(LLAMA_BEHIND, image_token_index=100),
    "instructblip:t5": dict(T5_BEHIND, image_token_index=100),
    "instructblipvideo": dict(LLAMA_BEHIND, video_token_index=100),
    "kosmos-2": dict(KOSMOS, vision_config=VISION),
    "kosmos-2.5": dict(KOSMOS, vision_config=dict(SIZES, head_dim=16, patch_embed_hidden_size=32)),
    "mistral4": dict(
        TEXT,
        num_key_value_heads=2,
        moe_intermediate_size=32,
        n_routed_experts=4,
        num_experts_per_tok=2,
        kv_lora_rank=16,
        q_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=16,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0),
    ),
    "mllama": dict(
        vision_config=dict(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_global_layers=1,
            attention_heads=2,
            image_size=28,
            patch_size=7,
            vision_output_dim=64,
            intermediate_layers_indices=[0],
            max_num_tiles=1,
            supported_aspect_ratios=[[1, 1]],
        ),
        text_config=dict(
            TEXT,
            num_key_value_heads=2,
            cross_attention_layers=[1],
            rope_parameters=dict(rope_type="default", rope_theta=10000.0),
        ),
        image_token_index=100,
    ),
    "nemotron_h_omni": dict(
        text_config=dict(
            SPECIAL,
            model_type="nemotron_h",
            vocab_size=120,
            hidden_size=32,
            intermediate_size=48,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
            layers_block_type=["mamba", "attention"],
            mamba_num_heads=4,
            mamba_head_dim=8,
            ssm_state_size=8,
            n_groups=2,
        ),
        vision_config=dict(
            SIZES,
            model_type="radio",
            video_temporal_patch_size=2,
        ),
        projector_hidden_size=32,
        vision_hidden_size=32,
        image_token_id=100,
    ),
    "pi0": dict(
        vlm_config=dict(
            model_type="paligemma",
            vision_config=dict(SIGLIP, projection_dim=32),
            text_config=GEMMA,
            image_token_index=100,
            projection_dim=32,
            hidden_size=32,
        ),
        dit_config=GEMMA,
    ),
}
