"""What one YAML of ``model_configs/`` may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.validation import one_line
from lmms_bapa.yaml_text import parse_yaml

Backend = Literal["transformers", "vllm"]


class Preset(BaseModel):
    """One adapter, as its YAML describes it.

    Attributes:
        backend: what runs the model; it decides which ``model_args`` there are.
        model_types: the architectures that it is for; none: any.
        fallback_template: Jinja chat template for checkpoints that have none.
        model_args: default ``model_args``.
        evidence: what ``lmms-bapa calibrate`` found; for people, nothing reads it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    backend: Backend = "transformers"
    model_types: list[str] = Field(default_factory=list)
    fallback_template: str | None = None
    model_args: dict[str, Any] = Field(default_factory=dict)
    evidence: dict[str, Any] = Field(default_factory=dict)


def load_preset(path: Path) -> Preset:
    """Reads the YAML of an adapter.

    Raises:
        UsageError: the YAML is not a mapping of a preset's fields.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path.name}: expected {', '.join(Preset.model_fields)}")
    try:
        return Preset(**content)
    except ValidationError as error:
        raise UsageError(f"{path.name}: {one_line(error, Preset)}") from error
