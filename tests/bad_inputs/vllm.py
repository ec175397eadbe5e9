"""The vLLM adapter, asked for what can be refused where vLLM is not installed."""

from __future__ import annotations

from .rows import Row, rows

_STEM = (
    "lmms-eval --model vllm_bapa --tasks spatial_probe_lite --limit 18 "
    "--model_args 'model=micro-llava,{}'"
)
_BARE = "lmms-eval --model vllm_bapa --tasks spatial_probe_lite --limit 18 {}"

VLLM: list[Row] = [
    *rows(
        "vllm",
        _STEM,
        [
            ("no value", "bapa", "KEY=VALUE"),
            ("lambda is negative", "agci_lambda=-0.1", "got -0.1"),
            ("strength without BaPA", "bapa_strength=0.5", "no effect without bapa=true"),
            ("the other adapter's model", "pretrained=micro-llava", "write model="),
            ("device", "device=cpu", "vLLM finds the device itself"),
            ("device map", "device_map=auto", "give tensor_parallel_size"),
            ("PEFT adapter", "peft=empty", "merge the adapter"),
            ("bits", "load_in_4bit=true", "give quantization"),
            ("attention", "attn_implementation=sdpa", "vLLM chooses the attention"),
            ("unit", "bapa=true,image_unit=run", "vLLM tells where each image is"),
            ("frames", "nframes=8", "is for videos"),
            ("kind of video", "is_qwen3_vl=true", "is for videos"),
            ("order", "image_first=true", "the task says where its pictures stand"),
            ("pickles", "load_format=pt", "safetensors alone"),
            ("replicas", "data_parallel_size=2", "start one process"),
            ("seed", "seed=3", "give the --seed"),
            ("no GPU", "tensor_parallel_size=0", "tensor_parallel_size=0"),
            ("all memory and more", "gpu_memory_utilization=1.5", "gpu_memory_utilization=1.5"),
            ("length of a word", "max_model_len=long", "max_model_len"),
            ("reply of no token", "max_new_tokens=0", "max_new_tokens"),
            ("unknown dtype", "dtype=fp16", "dtype"),
            ("batch size twice", "batch_size=2", "batch_size is given twice"),
            ("broken JSON", "mm_processor_kwargs={a}", "not JSON"),
            ("trust is a word", "trust_remote_code=perhaps", "trust_remote_code"),
        ],
    ),
    *rows(
        "vllm",
        _BARE,
        [
            ("no model", "--model_args bapa=true", "model is missing"),
            ("model is empty", "--model_args model=", "model=''"),
            ("device of the harness", "--model_args model=micro-llava --device cuda", "device"),
            (
                "beams",
                "--model_args model=gpt --gen_kwargs num_beams=3",
                "num_beams=3: vLLM has nothing for it",
            ),
            (
                "no effect",
                "--model_args model=gpt --gen_kwargs use_cache=false",
                "use_cache: has no effect on this adapter",
            ),
            (
                "too hot",
                "--model_args model=gpt --gen_kwargs temperature=9",
                "temperature=9: vLLM takes",
            ),
        ],
    ),
]
