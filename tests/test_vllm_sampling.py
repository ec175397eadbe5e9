"""Generation arguments become vLLM's with the meaning that ``generate`` gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.margins import YesNo
from lmms_bapa.harness.requests import generation_settings
from lmms_bapa.harness.vllm.sampling import margins, sampling_arguments

WORDS = YesNo(yes=(7, 3), no=(5,))


def arguments(
    asked: dict[str, Any], defaults: dict[str, Any], words: YesNo | None = None
) -> dict[str, Any]:
    return sampling_arguments(generation_settings(asked, 1024)[0], defaults, words)


def test_greedy_search_is_what_a_task_gets_that_asks_for_nothing() -> None:
    found = arguments({}, {})
    assert found["temperature"] == 0
    assert found["max_tokens"] == 1024
    assert found["ignore_eos"]
    assert found["stop_token_ids"] == []
    assert "logprob_token_ids" not in found


def test_a_task_s_length_is_honoured_and_the_checkpoint_s_is_not() -> None:
    """The harness's own adapter takes the larger of 4096 and the task's."""
    assert arguments({"max_new_tokens": 3}, {"max_new_tokens": 9})["max_tokens"] == 3
    assert arguments({}, {"max_new_tokens": 9})["max_tokens"] == 1024


def test_penalties_and_ends_of_the_checkpoint_are_in_force() -> None:
    found = arguments(
        {"until": ["\n"]}, {"repetition_penalty": 1.05, "eos_token_id": [2, 9], "do_sample": True}
    )
    assert found["repetition_penalty"] == 1.05
    assert found["stop_token_ids"] == [2, 9]
    assert found["temperature"] == 0  # whatever the checkpoint says: as the other adapter
    assert arguments({"repetition_penalty": 1.2}, {"repetition_penalty": 1.05})[
        "repetition_penalty"
    ] == pytest.approx(1.2)
    assert arguments({}, {"eos_token_id": 4})["stop_token_ids"] == [4]


@pytest.mark.parametrize(
    ("asked", "defaults", "expected"),
    [
        ({}, {}, (50, 1.0, 0.0)),  # of `generate`: vLLM itself would take all tokens
        ({}, {"top_k": 20, "top_p": 0.8, "min_p": 0.1}, (20, 0.8, 0.1)),
        ({"top_k": 5, "top_p": 0.5}, {"top_k": 20, "top_p": 0.8}, (5, 0.5, 0.0)),
        ({"top_p": 0}, {}, (1, 1.0, 0.0)),  # the most probable token alone
    ],
)
def test_sampling_takes_the_task_s_values_then_the_checkpoint_s(
    asked: dict[str, Any], defaults: dict[str, Any], expected: tuple[int, float, float]
) -> None:
    found = arguments({"temperature": 0.7, **asked}, defaults, WORDS)
    assert (found["top_k"], found["top_p"], found["min_p"]) == expected
    assert found["temperature"] == 0.7
    assert "logprob_token_ids" not in found  # no margin: one token is not chosen but drawn


@pytest.mark.parametrize(
    ("asked", "defaults", "line"),
    [
        ({"num_beams": 3}, {}, "num_beams=3: vLLM has nothing for it: use --model hf_bapa, or"),
        ({}, {"num_beams": 2}, "num_beams=2: vLLM has nothing for it"),
        ({}, {"begin_suppress_tokens": [4]}, "begin_suppress_tokens=[4]: vLLM has nothing for"),
        ({"temperature": 5}, {}, "temperature=5: vLLM takes 0.01 to 2"),
        ({"stop_strings": "x"}, {}, "stop_strings=x: vLLM has nothing for it"),
    ],
)
def test_what_vllm_cannot_do_is_refused(
    asked: dict[str, Any], defaults: dict[str, Any], line: str
) -> None:
    with pytest.raises(UsageError) as caught:
        arguments(asked, defaults)
    assert str(caught.value).startswith(line)


def test_suppressed_tokens_are_impossible() -> None:
    assert arguments({}, {"suppress_tokens": [4, 6]})["logit_bias"] == {4: -math.inf, 6: -math.inf}
    assert "logit_bias" not in arguments({}, {"suppress_tokens": []})


def test_what_changes_nothing_is_let_pass() -> None:
    neutral = {
        "num_beams": 1, "typical_p": 1.0, "diversity_penalty": 0.0, "no_repeat_ngram_size": 0,
        "encoder_repetition_penalty": 1.0, "guidance_scale": 1, "renormalize_logits": False,
    }  # fmt: skip
    assert arguments(neutral, {"pad_token_id": 0, "use_cache": True})["max_tokens"] == 1024
    arguments({}, {"typical_p": 0.5})  # greedy search never looks at it


def test_a_checkpoint_of_transformers_defaults_is_let_pass() -> None:
    from transformers import GenerationConfig

    defaults = {k: v for k, v in GenerationConfig().to_dict().items() if v is not None}
    assert arguments({}, defaults)["temperature"] == 0
    assert arguments({"temperature": 1}, defaults)["top_k"] == 50


@dataclass
class Told:
    logprob: float


def test_margins_equal_those_of_the_whole_vocabulary() -> None:
    torch.manual_seed(0)
    logs = torch.randn(4, 11).log_softmax(dim=1)
    first = [{i: Told(float(row[i])) for i in (0, 3, 5, 7)} for row in logs]
    yes = logs[:, [3, 7]].exp().sum(dim=1).log()
    assert margins(WORDS, first) == pytest.approx((yes - logs[:, 5]).tolist(), abs=1e-6)
    assert WORDS.margins(logs).tolist() == pytest.approx((yes - logs[:, 5]).tolist(), abs=1e-6)


def test_margins_are_nan_where_there_is_nothing_to_tell() -> None:
    empty, gone = None, {i: Told(-math.inf) for i in (7, 3, 5)}
    one = {7: Told(-1.0), 3: Told(-2.0), 5: Told(-math.inf)}
    assert all(math.isnan(m) for m in margins(WORDS, [empty, gone, one]))
