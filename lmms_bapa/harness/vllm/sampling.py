"""Generation arguments as vLLM takes them, with the meaning that transformers gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.margins import YesNo

# Taken over. `eos_token_id` is what ends a reply, `do_sample` whether a temperature has an effect.
TRANSLATED = frozenset(
    {
        *("max_new_tokens", "min_new_tokens", "do_sample", "temperature", "top_k", "top_p"),
        *("min_p", "repetition_penalty", "eos_token_id", "suppress_tokens"),
    }
)

# What vLLM has nothing for: the values that change nothing, besides None. Any other is refused.
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "num_beams": (1,),
    "num_beam_groups": (1,),
    "num_return_sequences": (1,),
    "diversity_penalty": (0,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1,),
    "min_length": (0,),
    "max_time": (),
    "stop_strings": (),
    "bad_words_ids": (),
    "force_words_ids": (),
    "constraints": (),
    "begin_suppress_tokens": ([],),
    "forced_bos_token_id": (),
    "forced_eos_token_id": (),
    "exponential_decay_length_penalty": (),
    "sequence_bias": ({},),
    "guidance_scale": (1,),
    "penalty_alpha": (0,),
    "dola_layers": (),
    "watermarking_config": (),
    "token_healing": (False,),
    "prompt_lookup_num_tokens": (),
}
# The same of what has an effect on sampled replies alone.
NEUTRAL_SAMPLED: Mapping[str, tuple[Any, ...]] = {
    "typical_p": (1,),
    "epsilon_cutoff": (0,),
    "eta_cutoff": (0,),
    "top_h": (),
    "renormalize_logits": (False, True),
}
# Of `generate`, where neither the checkpoint nor the task says anything.
_TOP_K = 50
_COLDEST, _HOTTEST = 0.01, 2.0


def known_keys() -> set[str]:
    """What a user may type: what is translated, and what may be set to change nothing."""
    lists = {"suppress_tokens"}  # of which the command line has no form
    return {*TRANSLATED, *NEUTRAL, *NEUTRAL_SAMPLED} - lists


def sampling_arguments(
    settings: Mapping[str, Any], defaults: Mapping[str, Any], words: YesNo | None
) -> dict[str, Any]:
    """Arguments of ``vllm.SamplingParams``.

    A reply ends where ``generate`` would end it: at the end tokens of the generation
    configuration, which need not be the tokenizer's. Its text is decoded by us, so that the stop
    strings of a task mean the same.

    Args:
        settings: see :func:`lmms_bapa.harness.requests.generation_settings`.
        defaults: the checkpoint's generation configuration.
        words: the tokens whose scores the margin is read from, or None: no margin.

    Raises:
        UsageError: an argument that vLLM has nothing for, or a value that it does not take.
    """
    merged = {k: v for k, v in {**defaults, **settings}.items() if v is not None}
    is_sampled = bool(merged["do_sample"])
    check_settings(merged, is_sampled)
    ends = merged.get("eos_token_id", [])
    found: dict[str, Any] = {
        "max_tokens": int(merged["max_new_tokens"]),
        "min_tokens": int(merged.get("min_new_tokens", 0)),
        "repetition_penalty": float(merged.get("repetition_penalty", 1)),
        "stop_token_ids": list(ends) if isinstance(ends, Sequence) else [int(ends)],
        "ignore_eos": True,
        "detokenize": False,
        "temperature": 0.0,
    }
    suppressed = merged.get("suppress_tokens")
    if suppressed:
        found["logit_bias"] = dict.fromkeys(map(int, suppressed), -math.inf)
    if is_sampled:
        top_k, top_p = int(merged.get("top_k", _TOP_K)), float(merged.get("top_p", 1))
        found |= {
            "temperature": float(merged["temperature"]),
            "top_k": top_k if top_p > 0 else 1,
            "top_p": top_p if top_p > 0 else 1.0,
            "min_p": float(merged.get("min_p", 0)),
        }
    elif words is not None:
        found["logprob_token_ids"] = list(words.ids)
    return found


def check_settings(settings: Mapping[str, Any], is_sampled: bool) -> None:
    """Refuses what vLLM would do otherwise, or not at all.

    Args:
        settings: generation arguments: a task's with the checkpoint's, or what a user typed.
        is_sampled: whether replies are sampled.

    Raises:
        UsageError: with the first such argument.
    """
    for name, values in {**NEUTRAL, **(NEUTRAL_SAMPLED if is_sampled else {})}.items():
        value = settings.get(name)
        if value is not None and value not in values:
            raise UsageError(
                f"{name}={value}: vLLM has nothing for it: use --model hf_bapa"
                + (f", or --gen_kwargs {name}={values[0]}" if values else "")
            )
    temperature = settings.get("temperature", 1)
    if is_sampled and not _COLDEST <= temperature <= _HOTTEST:
        raise UsageError(
            f"temperature={temperature}: vLLM takes {_COLDEST} to {_HOTTEST:g}, or 0 "
            "for greedy search"
        )


def margins(words: YesNo, first: Sequence[Mapping[int, Any] | None]) -> list[float]:
    """The margins of a batch (see :mod:`lmms_bapa.harness.margins`).

    Args:
        words: the tokens of the two answers.
        first: what vLLM tells of the first token of each reply: ``Logprob`` by token id.

    Returns:
        One a reply; NaN where there is none.
    """
    rows = [[math.nan if told is None else told[i].logprob for i in words.ids] for told in first]
    found = words.margins_of(torch.tensor(rows, dtype=torch.float64)).tolist()
    return [m if math.isfinite(m) else math.nan for m in found]
