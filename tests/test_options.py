"""``model_args``: what is understood, and the one line that says what is not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.options import describe, known_options, parse_options
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.validation import reason

P = {"pretrained": "micro-llava"}

GOOD: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    ({}, ()),
    ({"bapa": False}, ()),
    ({"bapa": False, "bapa_strength": 0.5}, ()),
    ({"bapa": True}, (BaPA(),)),
    ({"bapa": 1, "bapa_strength": 0.5, "bapa_anchor": "center"}, (BaPA(0.5, "center"),)),
    ({"bapa": "true", "bapa_anchor": 0.25}, (BaPA(anchor=0.25),)),
    ({"agci_lambda": 0.3}, (AGCI(0.3),)),
    ({"agci_lambda": 1, "agci_scope": "call"}, (AGCI(1, "call"),)),
    ({"agci_lambda": 0.3, "bapa": True}, (AGCI(0.3), BaPA())),
]

BAD: list[tuple[dict[str, Any], str]] = [
    ({"agci_lamda": 0.3}, "unknown model_args key 'agci_lamda': did you mean agci_lambda?"),
    ({"bappa": True}, "unknown model_args key 'bappa': did you mean bapa?"),
    ({"zzz": 1}, "unknown model_args key 'zzz': known are agci_auto"),
    ({"agci_lambda": math.nan}, "AGCI: lambda must be a number >= 0, got nan"),
    ({"agci_lambda": math.inf}, "AGCI: lambda must be a number >= 0, got inf"),
    ({"agci_lambda": -1}, "AGCI: lambda must be a number >= 0, got -1"),
    ({"agci_lambda": "strong"}, "AGCI: lambda must be a number >= 0, got 'strong'"),
    ({"bapa": True, "bapa_strength": 1.5}, "BaPA: strength must be a number in [0, 1], got 1.5"),
    ({"bapa": True, "bapa_anchor": "left"}, "BaPA: anchor must be 'paper', 'center' or a number"),
    ({"bapa": "maybe"}, "bapa='maybe': should be true or false"),
    ({"bapa_strength": 0.5}, "bapa_strength has no effect without bapa=true"),
    ({"agci_scope": "call"}, "agci_scope has no effect without agci_lambda=..."),
    ({"batch_size": 0}, "batch_size=0: should be greater than or equal to 1"),
    ({"batch_size": "auto"}, "batch_size='auto': should be a valid integer"),
    ({"dtype": "int8"}, "dtype='int8': should be 'auto', 'float32', 'float16' or 'bfloat16'"),
    ({"pretrained": ""}, "pretrained='': "),
    ({"image_unit": "run"}, "image_unit has no effect without an intervention"),
    ({"bapa": True, "image_unit": "tile"}, "image_unit='tile': should be 'image', 'run'"),
    ({"bapa": True, "image_token": True}, "image_token=True: should be a valid integer"),
    ({"bapa": True, "image_token": -3}, "image_token=-3: should be greater than or equal to 0"),
    ({"max_pixels": 5, "processor_max_pixels": 7}, "max_pixels is given twice"),
    ({"device": "cpu", "device_map": "auto"}, "give one of device and device_map"),
    ({"load_in_8bit": True, "load_in_4bit": True}, "give one of load_in_8bit and load_in_4bit"),
    ({"processor": 3}, "processor=3: should be a valid dictionary"),
]


@pytest.mark.parametrize(("args", "interventions"), GOOD, ids=lambda x: str(x))
def test_options_that_are_understood(args: dict[str, Any], interventions: Any) -> None:
    assert parse_options(P | args, {}).interventions == interventions


@pytest.mark.parametrize(("args", "line"), BAD, ids=lambda x: str(x))
def test_options_that_are_refused(args: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_options(P | args, {})
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_what_the_user_gives_wins_over_the_adapters_file() -> None:
    defaults = P | {"max_pixels": 5, "processor": {"a": 1}}
    options = parse_options({"processor_max_pixels": 7}, defaults)
    assert options.load.processor == {"a": 1, "max_pixels": 7}


def test_pretrained_is_required_unless_the_adapter_has_a_default() -> None:
    with pytest.raises(UsageError, match="pretrained is missing"):
        parse_options({}, {})
    assert parse_options({}, P).load.pretrained == "micro-llava"
    assert parse_options({"pretrained": "other/one"}, P).load.pretrained == "other/one"


VALUES = st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
KEYS = st.one_of(st.sampled_from(known_options()), st.text(min_size=1, max_size=12))


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_input_is_understood_or_refused_in_one_line(args: dict[str, Any]) -> None:
    message = ""
    try:
        options = parse_options(P | args, {})
    except UsageError as error:
        message = str(error)
    if message:
        assert "\n" not in message
        assert len(message) > 10
    else:
        assert all(0 <= getattr(i, "strength", 0) <= 1 for i in options.interventions)


def test_the_description_names_what_is_in_force() -> None:
    assert describe(()) == "no intervention, the stock model"
    assert describe((AGCI(0.0), BaPA(strength=0))) == "no intervention, the stock model"
    assert describe((BaPA(),)) == "BaPA(strength=1.0, anchor='paper')"


def test_a_reason_says_what_a_bare_word_is() -> None:
    assert reason(KeyError("HF_HOME")) == "KeyError 'HF_HOME'"
    assert reason(ValueError()) == "ValueError"
    assert reason(ValueError("first line\nsecond")) == "first line"
