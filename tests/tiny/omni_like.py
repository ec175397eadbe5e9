"""Families that hear, too: their small models have an audio tower, but are given pictures only."""

from __future__ import annotations

from .grid_like import patches_of
from .qwen_family import DEEPSTACK, EXPERTS, INTERLEAVED, qwen
from .qwen_like import MODELS as QWEN
from .qwen_like import ROPE
from .spec import AUDIO, IMAGE, TEXT, VIDEO, Layout, Tiny

AUDIO_TOWER = dict(
    d_model=32,
    encoder_layers=1,
    encoder_attention_heads=2,
    encoder_ffn_dim=48,
    num_mel_bins=16,
    max_source_positions=50,
    output_dim=48,
)
VISION = QWEN["qwen2_5_vl"].config["vision_config"]
DOTS = dict(
    TEXT,
    num_key_value_heads=4,
    layer_types=["indexed_attention", "sliding_attention"],
    sliding_window=16,
    head_dim=16,
    qk_nope_head_dim=8,
    qk_rope_head_dim=8,
    v_head_dim=12,
    q_lora_rank=16,
    kv_lora_rank=16,
    swa_num_attention_heads=2,
    swa_num_key_value_heads=2,
    swa_q_lora_rank=16,
    swa_kv_lora_rank=16,
    swa_head_dim=16,
    swa_qk_nope_head_dim=8,
    swa_v_head_dim=12,
    n_routed_experts=4,
    num_experts_per_tok=2,
    moe_intermediate_size=32,
    shared_experts_intermediate_size=32,
    # Less than a prompt is long, so that tokens are left out.
    index_topk=24,
    index_head_dim=16,
    index_n_heads=2,
)

MODELS = {
    "qwen2_5_omni_thinker": qwen(
        VISION,
        dict(TEXT, rope_parameters=ROPE),
        audio_config=AUDIO_TOWER,
        audio_token_id=AUDIO,
        audio_start_token_id=116,
    ),
    "qwen3_omni_moe_thinker": qwen(
        DEEPSTACK,
        dict(TEXT, rope_parameters=INTERLEAVED) | EXPERTS,
        audio_config=AUDIO_TOWER | dict(downsample_hidden_size=16),
        audio_token_id=AUDIO,
        audio_start_token_id=116,
    ),
    "dots3_note": Tiny(
        config=dict(
            vision_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=2,
                patch_size=4,
                mlp_layer_types=["dense", "sparse"],
                num_local_experts=4,
                moe_intermediate_size=32,
                adapter_in_dim=32,
                adapter_out_dim=48,
            ),
            audio_config=dict(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=1,
                num_attention_heads=2,
                feature_size=16,
                downsample_hidden_size=16,
                adapter_input_size=32,
                adapter_out_dim=48,
            ),
            text_config=DOTS,
            image_token_id=IMAGE,
            video_token_id=VIDEO,
            audio_token_id=AUDIO,
        ),
        layouts={"a": Layout([IMAGE] * 6), "b": Layout([IMAGE] * 8)},
        picture=patches_of(3 * 16),
    ),
}
