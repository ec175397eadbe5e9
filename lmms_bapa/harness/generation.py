"""``--gen_kwargs``: what the user typed, checked before a model is loaded."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import parse_arguments
from lmms_bapa.harness.preset import Backend
from lmms_bapa.harness.requests import GENERATION_KEYS
from lmms_bapa.harness.vllm.sampling import check_settings, known_keys
from lmms_bapa.validation import nearest, one_line

# What changes the form of the output, or speaks of the configuration itself.
_NOT_OPTIONS = {
    *("return_dict_in_generate", "num_return_sequences", "is_assistant"),
    *("transformers_version", "_from_model_config"),
}


class _Typed(BaseModel):
    """Generation arguments with the values that transformers takes."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    max_new_tokens: int | None = Field(default=None, ge=1)
    min_new_tokens: int | None = Field(default=None, ge=0)
    num_beams: int | None = Field(default=None, ge=1)
    do_sample: bool | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_k: int | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    typical_p: float | None = Field(default=None, gt=0, le=1)
    repetition_penalty: float | None = Field(default=None, gt=0)
    length_penalty: float | None = None
    no_repeat_ngram_size: int | None = Field(default=None, ge=0)


def check_generation(text: str, backend: Backend = "transformers") -> dict[str, Any]:
    """Reads ``--gen_kwargs``.

    Tasks of the harness ask for things that only other adapters know, and these are passed over;
    what a user types for this run is to have an effect.

    Args:
        text: ``key=value,key=value``.
        backend: what runs the model.

    Raises:
        UsageError: another form, an argument that has no effect here, or a value out of range.
    """
    given = parse_arguments(text, "gen_kwargs")
    keys = known_keys() if backend == "vllm" else GENERATION_KEYS - _NOT_OPTIONS
    known = sorted({*keys, "until"})
    for key in given:
        if key not in known:
            raise UsageError(
                f"--gen_kwargs {key}: has no effect on this adapter: {nearest(key, known)}"
            )
    try:
        settings = _Typed(**given)
    except ValidationError as error:
        raise UsageError(f"--gen_kwargs {one_line(error, _Typed)}") from error
    is_sampling = (settings.temperature or 0) > 0
    if settings.do_sample is not None and settings.do_sample != is_sampling:
        if not settings.do_sample:
            raise UsageError("--gen_kwargs do_sample=false: a temperature above 0 samples")
        raise UsageError("--gen_kwargs do_sample=true: samples at a temperature only: add one")
    if backend == "vllm":
        check_settings(given, is_sampling)
    return given
