"""Finds out whether a task's scorer asks another model, which costs money and needs a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

_JUDGE = re.compile(
    r"openai|anthropic|chatgpt|gpt[-_]?\d|judge|get_chat_response|evaluate_by_|API_(URL|KEY)$|^post$",
    re.IGNORECASE,
)
_DEPTH = 3  # a scorer calls a helper that calls the one that asks


def asks_a_judge(config: Mapping[str, Any]) -> bool:
    """Whether the functions that score a task reach one that asks a model.

    The harness has no field for it; names and constants in the code of the scoring functions
    tell. A metric that is merely called ``gpt_eval_score`` is not suspect, nor is a docstring.

    Args:
        config: a task's configuration, functions loaded.
    """
    scorers = [config.get("process_results")]
    scorers += [entry.get("aggregation") for entry in config.get("metric_list") or []]
    return any(_reaches_judge(f, _DEPTH) for f in scorers if isinstance(f, FunctionType))


def _reaches_judge(function: Callable[..., Any], depth: int) -> bool:
    if not isinstance(function, FunctionType):
        return False
    code = function.__code__
    words = [*code.co_names, *_constants(code, function.__doc__)]
    if any(_JUDGE.search(word) for word in words):
        return True
    called = (function.__globals__.get(name) for name in code.co_names)
    return depth > 0 and any(
        _reaches_judge(f, depth - 1)
        for f in called
        if isinstance(f, FunctionType) and f.__module__.split(".")[0] == _package(function)
    )


def _package(function: FunctionType) -> str:
    return function.__module__.split(".")[0]


def _constants(code: CodeType, docstring: str | None) -> Iterator[str]:
    """Strings of a function and of the functions in it; whole sentences are not code."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from constant.co_names
            yield from _constants(constant, None)
        elif isinstance(constant, str) and constant != docstring and len(constant) < 40:
            yield constant
