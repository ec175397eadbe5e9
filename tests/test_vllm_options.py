"""``model_args`` and ``--gen_kwargs`` of the vLLM adapter, as far as no vLLM is needed."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.backends import parse_for, require_backend
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.harness.options import known_options as known_to_transformers
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_path
from lmms_bapa.harness.vllm import installed, options
from lmms_bapa.harness.vllm.options import VLLMOptions, parse_options
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.vllm import TESTED

M = {"model": "micro-llava"}

BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, "model='': "),
    ({"pretrained": "x"}, "pretrained is not for this adapter: write model="),
    ({"device": "cuda"}, "device is not for this adapter: "),
    ({"peft": "x"}, "peft is not for this adapter: merge the adapter into its model"),
    ({"fps": 1}, "fps is not for this adapter: is for videos"),
    ({"image_first": True}, "image_first is not for this adapter: the task says"),
    ({"seed": 3}, "seed is not for this adapter: give the --seed of lmms-eval"),
    ({"load_format": "pt"}, "load_format is not for this adapter: weights are read from safe"),
    ({"hf_token": "secret"}, "hf_token is not for this adapter: it would be written into results"),
    ({"mm_encoder_only": True}, "mm_encoder_only is not for this adapter: the language model"),
    ({"data_parallel_size": 2}, "data_parallel_size is not for this adapter: start one process"),
    ({"dtype": "half"}, "dtype='half': should be 'auto', 'float32', 'float16' or 'bfloat16'"),
    ({"tensor_parallel_size": 0}, "tensor_parallel_size=0: should be greater than or equal to 1"),
    ({"gpu_memory_utilization": 1.1}, "gpu_memory_utilization=1.1: should be less than or equal"),
    ({"max_model_len": "long"}, "max_model_len='long': should be a valid integer"),
    ({"batch_size": 0}, "batch_size=0: should be greater than or equal to 1"),
    ({"trust_remote_code": "maybe"}, "trust_remote_code='maybe': should be a valid boolean"),
    ({"agci_lambda": -1}, "AGCI: lambda must be a number >= 0, got -1"),
    ({"bapa_strength": 0.5}, "bapa_strength has no effect without bapa=true"),
    ({"max_pixels": 5, "processor_max_pixels": 7}, "max_pixels is given twice"),
    ({"mm_processor_kwargs": 3}, "mm_processor_kwargs=3: should be JSON in braces"),
    ({"mm_processor_kwargs": "{a: 1}"}, "mm_processor_kwargs={a: 1}: not JSON"),
]


@pytest.mark.parametrize(("args", "line"), BAD, ids=lambda x: str(x))
def test_options_that_are_refused(args: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_options(M | args, {})
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


KEYS = st.sampled_from([*VLLMOptions.model_fields, *options.REFUSED, "bapa", "max_num_seqs", ""])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text('{["a1,:]}', max_size=6)


@hypothesis.given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_input_is_understood_or_refused_in_one_line(args: dict[str, Any]) -> None:
    message = ""
    try:
        load = parse_options(M | args, {}).load
    except UsageError as error:
        message = str(error)
    if message:
        assert "\n" not in message
        assert len(message) > 10
    else:
        assert not options.REFUSED.keys() & args.keys()
        assert load.batch_size >= 1
        assert 0 < load.gpu_memory_utilization <= 1


def test_the_interventions_are_read_as_everywhere() -> None:
    given = M | {"bapa": True, "agci_lambda": 0.3}
    assert parse_options(given, {}).interventions == (AGCI(0.3), BaPA())
    assert parse_options(M, {"bapa": True}).interventions == (BaPA(),)


def test_processor_options_are_those_of_the_other_adapter_and_of_the_engine() -> None:
    given = {"max_pixels": 9, "processor_size": 2, "mm_processor_kwargs": '{"do_pad": false}'}
    assert parse_options(M | given, {}).load.processor == {
        "max_pixels": 9, "size": 2, "do_pad": False,
    }  # fmt: skip


def test_code_and_statistics_are_off_and_the_checkpoint_has_two_names() -> None:
    load = parse_options(M, {}).load
    assert (load.trust_remote_code, load.disable_log_stats) == (False, True)
    assert (load.pretrained, load.named) == ("micro-llava", "model=micro-llava")
    assert load.max_new_tokens == 1024  # as hf_bapa, whatever the harness's own adapter takes


def test_model_is_required() -> None:
    with pytest.raises(UsageError, match="model is missing"):
        parse_options({}, {})


def test_options_of_the_other_adapter_are_known_or_refused_with_a_hint() -> None:
    """Nobody who switches adapters is told that a name is unknown."""
    here = set(options.known_options()) | {"processor"}
    hinted = {key for key in known_to_transformers() if key not in here}
    assert hinted <= options.REFUSED.keys()
    assert "revision" not in hinted


def test_arguments_of_the_harness_s_adapter_are_known_or_refused_with_a_hint() -> None:
    import inspect

    from lmms_eval.models.chat.vllm import VLLM

    names = set(inspect.signature(VLLM.__init__).parameters) - {"self", "kwargs"}
    assert names <= {*VLLMOptions.model_fields, *options.REFUSED, "max_pixels"}


@pytest.mark.parametrize(
    ("engine", "args", "line"),
    [
        (("max_num_seqs", "enforce_eager"), {"max_num_seq": 3}, "did you mean max_num_seqs?"),
        (("max_num_seqs",), {"bappa": True}, "did you mean bapa?"),
    ],
)
def test_unknown_keys_are_told_by_the_engine_s_own_arguments(
    engine: tuple[str, ...], args: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "engine_options", lambda: engine)
    with pytest.raises(UsageError, match="unknown model_args key") as caught:
        parse_options(M | args, {})
    assert line in str(caught.value)


def test_arguments_of_the_engine_go_to_it_and_json_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "engine_options", lambda: ("max_num_seqs", "hf_overrides"))
    load = parse_options(M | {"max_num_seqs": 3, "hf_overrides": '{"a": [1]}'}, {}).load
    assert load.engine == {"max_num_seqs": 3, "hf_overrides": {"a": [1]}}


def test_a_switch_of_the_engine_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "engine_options", lambda: ("enable_lora",))
    monkeypatch.setattr(options, "engine_switches", lambda: frozenset({"enable_lora"}))
    assert parse_options(M | {"enable_lora": "true"}, {}).load.engine == {"enable_lora": True}
    with pytest.raises(UsageError, match="enable_lora='flase': should be true or false"):
        parse_options(M | {"enable_lora": "flase"}, {})


def test_results_are_read_where_vllm_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "engine_options", tuple)
    preset = load_preset(preset_path("vllm_bapa"))
    assert parse_for(preset, M | {"max_num_seqs": 3}).load.engine == {"max_num_seqs": 3}


@pytest.mark.parametrize(
    ("version", "refused"),
    [(None, False), (TESTED, False), (f"{TESTED}+cpu", False), ("0.31.0", True), ("1.0", True)],
)
def test_versions_that_are_let_in(
    version: str | None, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "is_installed", lambda: True)
    monkeypatch.setattr(installed, "installed_version", lambda: version)
    preset = load_preset(preset_path("vllm_bapa"))
    if not refused:
        require_backend(preset)
        return
    with pytest.raises(UsageError, match="is not the tested version: pip install"):
        require_backend(preset)


def test_a_missing_vllm_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "is_installed", lambda: False)
    with pytest.raises(UsageError, match=r"pip install 'lmms-bapa\[vllm\]'"):
        require_backend(load_preset(preset_path("vllm_bapa")))
    require_backend(load_preset(preset_path("hf_bapa")))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("num_beams=3", "num_beams=3: vLLM has nothing for it"),
        ("no_repeat_ngram_size=2", "no_repeat_ngram_size=2: vLLM has nothing for it"),
        ("temperature=0.5,typical_p=0.9", "typical_p=0.9: vLLM has nothing for it"),
        ("temperature=3", "temperature=3: vLLM takes 0.01 to 2"),
        ("temperature=0.001", "temperature=0.001: vLLM takes"),
        ("penalty_alpha=0.6", "penalty_alpha=0.6: vLLM has nothing for it"),
        ("use_cache=false", "--gen_kwargs use_cache: has no effect on this adapter"),
        ("max_tokens=3", "--gen_kwargs max_tokens: has no effect on this adapter: did you mean"),
        ("do_sample=true", "--gen_kwargs do_sample=true: samples at a temperature only"),
        ("top_p=2", "--gen_kwargs top_p=2: should be less than or equal to 1"),
    ],
)
def test_generation_arguments_that_are_refused(text: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_generation(text, "vllm")
    assert str(caught.value).startswith(line)


def test_generation_arguments_that_have_an_effect_or_undo_a_task_s() -> None:
    text = "max_new_tokens=3,num_beams=1,repetition_penalty=1.1,until=x,min_new_tokens=2"
    assert check_generation(text, "vllm")["num_beams"] == 1
    check_generation("temperature=0.7,top_k=5,top_p=0.9,min_p=0.1,do_sample=true", "vllm")
    check_generation("num_beams=3")  # the other adapter can
