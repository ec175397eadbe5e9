"""Options of ``lmms-eval`` itself, with an adapter of ours: it would exit 0 on most of them."""

from __future__ import annotations

from .rows import Row, rows

_MODEL = "lmms-eval --model hf_bapa --model_args pretrained=micro-llava,device=cpu"
_PROBE = f"{_MODEL} --tasks spatial_probe_lite"
_OWN = f"{_MODEL} --limit 18 --output_path out --log_samples --include_path tasks/{{}}"

HARNESS: list[Row] = [
    *rows(
        "lmms-eval",
        _MODEL,
        [
            ("no task", "", "--tasks"),
            ("task is empty", "--tasks ''", "--tasks"),
            ("task is misspelt", "--tasks spatial_prob_lite", "did you mean spatial_probe_lite?"),
            ("one task is unknown", "--tasks spatial_probe_lite,zzzz", "zzzz"),
            ("stray comma", "--tasks spatial_probe_lite,", "--tasks"),
            ("space in the list", "--tasks 'spatial_probe_lite, spatial_probe'", "--tasks"),
            ("wildcard meets nothing", "--tasks 'zzz*'", "zzz*"),
            ("task is a binary file", "--tasks binary.bin", "binary.bin"),
            ("task is an empty folder", "--tasks empty", "--tasks"),
        ],
    ),
    *rows(
        "lmms-eval",
        _PROBE,
        [
            ("limit is negative", "--limit -5", "--limit"),
            ("limit is zero", "--limit 0", "--limit"),
            ("limit is NaN", "--limit nan", "--limit"),
            ("limit is infinite", "--limit inf", "--limit"),
            ("limit is a word", "--limit few", "--limit"),
            ("offset is negative", "--limit 18 --offset -1", "--offset"),
            ("batch size is zero", "--limit 18 --batch_size 0", "batch_size"),
            ("batch size is negative", "--limit 18 --batch_size -4", "batch_size"),
            ("batch size is a word", "--limit 18 --batch_size auto", "batch_size"),
            ("batch size is a fraction", "--limit 18 --batch_size 1.5", "batch_size"),
            ("device twice", "--limit 18 --device tpu", "as --device and in --model_args"),
            ("samples without a folder", "--limit 18 --log_samples", "--output_path"),
            ("output is a file", "--limit 18 --output_path file.txt", "file.txt"),
            ("output is below a file", "--limit 18 --output_path file.txt/x", "file.txt/x"),
            ("output is a loop", "--limit 18 --output_path loop", "loop"),
            ("output is too long", f"--limit 18 --output_path {'a' * 300}", "--output_path"),
            ("output is a number", "--limit 18 --output_path 123", "--output_path 123"),
            ("output with a comma", "--limit 18 --output_path a,b", "--output_path a,b"),
            ("no such include path", "--limit 18 --include_path nowhere", "nowhere"),
            ("include path is a file", "--limit 18 --include_path file.txt", "file.txt"),
            ("gen_kwargs without value", "--limit 18 --gen_kwargs do_sample", "KEY=VALUE"),
            ("reply of a word", "--limit 18 --gen_kwargs max_new_tokens=abc", "max_new_tokens"),
            ("reply of no token", "--limit 18 --gen_kwargs max_new_tokens=0", "max_new_tokens"),
            ("reply below zero", "--limit 18 --gen_kwargs max_new_tokens=-3", "max_new_tokens"),
            ("reply of a fraction", "--limit 18 --gen_kwargs max_new_tokens=2.5", "max_new_tokens"),
            ("temperature is a word", "--limit 18 --gen_kwargs temperature=hot", "temperature"),
            ("temperature below zero", "--limit 18 --gen_kwargs temperature=-1", "temperature"),
            ("temperature is NaN", "--limit 18 --gen_kwargs temperature=nan", "temperature"),
            ("top_p is a word", "--limit 18 --gen_kwargs top_p=most", "top_p"),
            ("top_p above one", "--limit 18 --gen_kwargs do_sample=true,top_p=2", "top_p"),
            ("no beams", "--limit 18 --gen_kwargs num_beams=0", "num_beams"),
            ("beams are a word", "--limit 18 --gen_kwargs num_beams=two", "num_beams"),
            ("sampling is a word", "--limit 18 --gen_kwargs do_sample=maybe", "do_sample"),
            ("gen_kwargs near miss", "--limit 18 --gen_kwargs max_new_token=4", "max_new_tokens"),
            ("gen_kwargs unknown", "--limit 18 --gen_kwargs zzz=4", "zzz"),
            ("gen_kwargs twice", "--limit 18 --gen_kwargs num_beams=1,num_beams=2", "twice"),
        ],
    ),
    *rows(
        "own task",
        _OWN,
        [
            ("YAML is broken", "broken --tasks own", "own"),
            ("log-likelihood", "choice --tasks own", "multiple_choice"),
            ("several rounds", "rounds --tasks own", "generate_until_multi_round"),
            ("video", "video --tasks own", "video"),
            ("one of each kind", "choice --tasks spatial_probe_lite,own", "multiple_choice"),
            ("no function", "no_function --tasks own", "own"),
            ("unknown split", "no_split --tasks own", "exam"),
            ("probe has an unknown option", "probe_option --tasks own", "did you mean groups?"),
            ("probe is too large", "probe_rows --tasks own", "3 x 3"),
            ("probe option is a word", "probe_word --tasks own", "groups"),
            ("probe without groups", "probe_none --tasks own", "groups"),
            ("probe layout is unknown", "probe_layout --tasks own", "layout"),
            ("shift of nothing", "shift_base --tasks own", "base"),
            ("shift layout is unknown", "shift_layout --tasks own", "layout"),
            ("shift option is unknown", "shift_option --tasks own", "did you mean rows?"),
            ("shift rows are a word", "shift_rows --tasks own", "rows"),
            ("shift is a list", "shift_list --tasks own", "shift"),
            ("shift of a shifted task", "shift_twice --tasks own", "own"),
        ],
    ),
    *rows(
        "own adapter",
        "LMMS_BAPA_MODEL_CONFIGS=adapters/{} lmms-bapa sweep --model own_bapa --grid bapa=true "
        "--tasks spatial_probe_lite --model_args pretrained=micro-llava --output out",
        [
            ("YAML is broken", "broken", "own_bapa.yaml"),
            ("a list", "list", "own_bapa.yaml"),
            ("unknown field", "field", "model_types"),
            ("unknown option", "option", "agci_lambda"),
            ("value out of range", "range", "agci_lambda"),
            ("binary", "binary", "own_bapa.yaml"),
            ("folder is not there", "nowhere", "LMMS_BAPA_MODEL_CONFIGS"),
            ("a folder of that name", "folder", "--model own_bapa"),
        ],
    ),
]
