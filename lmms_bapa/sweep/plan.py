"""Which settings a grid stands for, and what they are called."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import parse_arguments
from lmms_bapa.harness.backends import (
    GENERAL,
    loading_options,
    parse_for,
)
from lmms_bapa.harness.evaluate import model_args_text, option_text
from lmms_bapa.harness.options import build_interventions, intervention_options
from lmms_bapa.harness.preset import Preset, load_preset
from lmms_bapa.harness.presets import preset_names, preset_path, unknown_adapter
from lmms_bapa.interventions import Intervention
from lmms_bapa.results.folders import OFF, active_settings
from lmms_bapa.sweep.config import SweepConfig
from lmms_bapa.validation import nearest


@dataclass(frozen=True)
class Setting:
    """One setting of a sweep.

    Attributes:
        options: those of the interventions in force, sorted; none for the stock model.
    """

    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``off``, or the options as text."""
        return model_args_text(self.options) or OFF

    @property
    def folder(self) -> str:
        """Its name as a folder."""
        return re.sub(r"[^\w.,=+-]", "_", self.label)


@dataclass(frozen=True)
class Plan:
    """What a configuration comes to.

    Attributes:
        preset: the adapter's defaults.
        loading: the ``model_args`` that all settings share.
        settings: the stock one first, no two alike.
    """

    preset: Preset
    loading: dict[str, Any]
    settings: list[Setting]


def make_plan(config: SweepConfig) -> Plan:
    """Resolves the grid, and checks every option before anything is loaded.

    Raises:
        UsageError: an unknown adapter, option or grid key, or a value out of range.
    """
    if config.model not in preset_names():
        raise UsageError(f"--model {config.model}: {unknown_adapter(config.model)}")
    preset, known = load_preset(preset_path(config.model)), intervention_options()
    own = [key for key in preset.model_args if key in known]
    if own:
        raise UsageError(
            f"--model {config.model} sets {', '.join(own)} itself, so that there is no stock "
            f"setting: take --model {GENERAL[preset.backend]}, and put them into --grid"
        )
    fixed = {k: v for k, v in config.model_args.items() if k in known}
    loading = {k: v for k, v in config.model_args.items() if k not in known}
    if "batch_size" in loading:
        raise UsageError("batch_size in --model_args: give it as --batch_size")
    _check_grid(config.grid, fixed, known, preset)
    parse_for(preset, loading)
    settings = settings_of(config.grid, fixed)
    for setting in settings:
        _check_text(preset, {**loading, **setting.options})
    return Plan(preset, loading, settings)


def _check_grid(
    grid: Mapping[str, Any], fixed: Mapping[str, Any], known: list[str], preset: Preset
) -> None:
    for key, values in grid.items():
        if key not in known and key in loading_options(preset):
            raise UsageError(
                f"--grid {key}: a sweep loads the model in one way: put {key} into --model_args, "
                "and run one sweep for each value"
            )
        if key not in known:
            raise UsageError(f"--grid {key}: unknown option: {nearest(key, known)}")
        if not values:
            raise UsageError(f"--grid {key}: no values: write them behind it, or leave it out")
        if key in fixed:
            raise UsageError(f"{key} is given twice: in --model_args and in --grid")


def settings_of(grid: Mapping[str, list[Any]], fixed: Mapping[str, Any]) -> list[Setting]:
    """All combinations of a grid, each different setting once, the stock one first.

    Options of interventions that are off are dropped from a combination: ``bapa_anchor=center``
    with ``bapa=false`` is ``bapa=false``, and that is the stock model.

    Args:
        grid: values by option.
        fixed: options that every combination has.

    Raises:
        UsageError: a value is out of range, or an option never has an effect.
    """
    found: dict[tuple[Intervention, ...], Setting] = {(): Setting()}
    for values in itertools.product(*grid.values()):
        options = {**fixed, **dict(zip(grid, values, strict=True))}
        try:
            built = build_interventions(options)
        except UsageError as error:
            raise UsageError(f"--grid, at {model_args_text(options)}: {error}") from error
        active = tuple(method for method in built if not method.is_identity)
        texts = {key: option_text(value) for key, value in options.items()}
        kept = {key: options[key] for key in active_settings(texts)}
        found.setdefault(active, Setting(kept))
    return list(found.values())


def _check_text(preset: Preset, options: dict[str, Any]) -> None:
    """A separate command with the text in the results must mean the same.

    Raises:
        UsageError: a value cannot be written as text.
    """
    again = parse_arguments(model_args_text(options), "model_args")
    if parse_for(preset, again) != parse_for(preset, options):
        raise UsageError(
            f"model_args {model_args_text(options)}: means something else on the command line: "
            "give values as they are typed there"
        )
