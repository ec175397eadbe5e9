"""What a sweep is to run: read from a YAML and the command line, written back resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import parse_arguments
from lmms_bapa.harness.backends import backend_of, checkpoint_option
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.validation import nearest, one_line
from lmms_bapa.yaml_text import parse_yaml


class SweepConfig(BaseModel):
    """A sweep; the names are the harness's where it has them.

    Attributes:
        model: the adapter.
        model_args: loading options, and options of interventions that all settings but the stock
            one have; in a YAML a mapping, or text as on the command line.
        tasks: names of tasks or groups.
        grid: options of interventions with the values that they take; all combinations are run.
        limit: questions per task, or a share of them below 1; None for all.
        batch_size: questions per forward pass.
        gen_kwargs: generation arguments that replace the tasks', as text.
        include_path: folder of further tasks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = "hf_bapa"
    model_args: dict[str, Any]
    tasks: list[str] = Field(min_length=1)
    grid: dict[str, list[Any]] = Field(min_length=1)
    limit: int | float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=1, ge=1)
    gen_kwargs: str = ""
    include_path: str | None = None

    @field_validator("tasks", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list):
            return names
        stripped = [str(name).strip() for name in names]
        return list(dict.fromkeys(name for name in stripped if name))

    @field_validator("grid", mode="before")
    @classmethod
    def _values(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        listed = {key: v if isinstance(v, list) else [v] for key, v in value.items()}
        return {key: [_typed(key, v) for v in values] for key, values in listed.items()}


def _typed(key: str, value: Any) -> Any:
    """A value as the command line has it; YAML takes 1e-5 for a text."""
    return parse_arguments(f"{key}={value}", "grid")[key] if isinstance(value, str) else value


def parse_grid(given: Sequence[str]) -> dict[str, list[Any]]:
    """Reads what stood after ``--grid``, each ``KEY=V1,V2``.

    Raises:
        UsageError: another form, no value, or a key that is given twice.
    """
    grid: dict[str, list[Any]] = {}
    for text in given:
        key, equals, values = text.partition("=")
        key, listed = key.strip(), [v.strip() for v in values.split(",") if v.strip()]
        if not key or not equals:
            raise UsageError(f"--grid {text}: should be KEY=V1,V2, such as agci_lambda=0,0.3")
        if not listed:
            raise UsageError(f"--grid {text}: no values: write them behind it, separated by commas")
        if key in grid:
            raise UsageError(f"--grid {key} is given twice: write all its values behind one")
        grid[key] = [_typed(key, value) for value in listed]
    return grid


def read_config(path: Path | None, given: Mapping[str, Any]) -> SweepConfig:
    """Puts a YAML and the command line together.

    Args:
        path: the YAML, or None.
        given: options of the command line by field; None where there was none. They replace
            those of the YAML.

    Raises:
        UsageError: the YAML cannot be read, an option is missing, unknown or of the wrong form.
    """
    content: Any = {} if path is None else _load(path)
    if not isinstance(content, dict):
        raise UsageError(f"{path}: expected a mapping of {', '.join(SweepConfig.model_fields)}")
    unknown = [str(key) for key in content if key not in SweepConfig.model_fields]
    if unknown:
        hint = nearest(unknown[0], list(SweepConfig.model_fields))
        if unknown[0] == "output":
            hint = "give the folder on the command line, --output runs/first"
        raise UsageError(f"{path}: unknown option {unknown[0]!r}: {hint}")
    merged = content | {key: value for key, value in given.items() if value is not None}
    checkpoint = checkpoint_option(str(merged.get("model")))
    for field, example in (
        ("model_args", f"{checkpoint}=micro-llava"),
        ("tasks", "spatial_probe_lite"),
        ("grid", "agci_lambda=0,0.3"),
    ):
        value = merged.get(field)
        if not (value.strip(" ,") if isinstance(value, str) else value):
            raise UsageError(f"--{field} is missing: add --{field} {example}")
    if isinstance(merged["model_args"], str):
        merged["model_args"] = parse_arguments(merged["model_args"], "model_args")
    if isinstance(merged.get("gen_kwargs"), str):
        backend = backend_of(str(merged.get("model")))
        check_generation(merged["gen_kwargs"], backend or "transformers")
    try:
        return SweepConfig(**merged)
    except ValidationError as error:
        where = "" if path is None else f"{path}: "
        raise UsageError(f"{where}{one_line(error, SweepConfig)}") from error


def _load(path: Path) -> Any:
    if path.is_dir():
        raise UsageError(
            f"{path}: a folder: give a YAML; to go on in it, "
            f"lmms-bapa sweep {path}/sweep.yaml --output {path}"
        )
    try:
        return parse_yaml(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not YAML: {error}") from error


def config_text(config: SweepConfig) -> str:
    """The resolved configuration as YAML; :func:`read_config` reads it again."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
