"""Texts of the form ``key=value,key=value``, as the harness's command line takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmms_eval.utils import _smart_comma_split, handle_arg_string

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.backends import parse_for
from lmms_bapa.harness.preset import Preset

_SHOWN = 80


def parse_arguments(text: str, option: str) -> dict[str, Any]:
    """Reads ``key=value,key=value`` with the harness's types of values.

    The harness itself takes the last of two values for a key; nobody means that.

    Args:
        text: what was typed.
        option: behind which option, for the message.

    Raises:
        UsageError: a part is not of that form, or a key is given twice.
    """
    found: dict[str, Any] = {}
    for part in _smart_comma_split(text.strip()):
        key, equals, value = part.partition("=")
        shown = part if len(part) <= _SHOWN else f"{part[:_SHOWN]}..."
        if not equals:
            raise UsageError(f"--{option} {shown}: should be KEY=VALUE,KEY=VALUE")
        if key in found:
            raise UsageError(f"--{option}: {key} is given twice: leave one out")
        try:
            found[key] = handle_arg_string(value)
        except ValueError as error:  # of digits that are no decimal ones
            raise UsageError(f"--{option} {shown}: not a number") from error
    return found


def model_arguments(text: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """``model_args`` together with what the harness's command has options of its own for.

    Args:
        text: what stands behind ``--model_args``.
        options: the command's own, such as ``batch_size``; those that are None were not given.

    Raises:
        UsageError: see :func:`parse_arguments`; or one is given in both places.
    """
    given = parse_arguments(text, "model_args")
    own = {key: value for key, value in options.items() if value is not None}
    for name in given.keys() & {key for key, value in own.items() if value}:
        raise UsageError(
            f"{name} is given twice: as --{name} and in --model_args: give --{name} alone"
        )
    return {**given, **own}


def check_model_arguments(text: str, preset: Preset, options: Mapping[str, Any]) -> None:
    """Checks what can be checked of ``model_args`` without the model.

    Args:
        text: what stands behind ``--model_args``.
        preset: the adapter's file.
        options: see :func:`model_arguments`.

    Raises:
        UsageError: see :func:`model_arguments` and :func:`lmms_bapa.harness.backends.parse_for`.
    """
    parse_for(preset, parse_arguments(text, "model_args"))  # what was typed there
    known = {key: value for key, value in options.items() if key != "max_batch_size"}
    parse_for(preset, model_arguments(text, known))
