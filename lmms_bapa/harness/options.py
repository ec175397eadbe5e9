"""``model_args``: loading options, and one set of options per registered intervention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import REGISTRY, Intervention
from lmms_bapa.interventions.base import check_together
from lmms_bapa.validation import nearest, one_line

# Processor options that the harness's users type as they are.
PIXEL_LIMITS = ("min_pixels", "max_pixels")
PREFIX = "processor_"


class LoadOptions(BaseModel):
    """How the model is loaded and run.

    Attributes:
        pretrained: hub id, folder, or the name of an embedded model such as ``micro-llava``.
        revision: branch, tag or commit on the hub.
        dtype: ``auto`` is the checkpoint's own on an accelerator and float32 on a CPU.
        device: for instance ``cuda:0`` or ``cpu``; default: the best there is.
        device_map: passed to ``from_pretrained``, for models over several devices.
        attn_implementation: passed to ``from_pretrained``.
        batch_size: questions per forward pass.
        max_new_tokens: length of a reply where the task does not limit it.
        chat_template: file of a Jinja template that replaces the checkpoint's own.
        processor: options of the checkpoint's processor; on the command line one by one, as
            ``max_pixels=...``, ``min_pixels=...`` or ``processor_<name>=...``.
        peft: folder or hub id of a PEFT adapter (such as LoRA) to load on top.
        load_in_8bit: quantizes the weights while loading; needs bitsandbytes.
        load_in_4bit: the same in four bits.
        image_unit: what counts as one image, see :class:`lmms_bapa.steering.Architecture`; this
            and the next three replace what the table says of the family.
        image_token: the image token's id.
        image_begin: the token that opens an image of several tiles.
        image_last: the token right before the last tile of an image.
        trust_remote_code: runs code from the checkpoint's repository; off unless asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pretrained: str = Field(min_length=1)
    revision: str | None = None
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    device: str | None = None
    device_map: str | dict[str, Any] | None = None
    attn_implementation: str | None = None
    batch_size: int = Field(default=1, ge=1)
    max_new_tokens: int = Field(default=1024, ge=1)
    chat_template: str | None = None
    processor: dict[str, Any] = Field(default_factory=dict)
    peft: str | None = None
    load_in_8bit: bool = False
    load_in_4bit: bool = False
    image_unit: Literal["image", "run", "row", "first_n"] | None = None
    image_token: StrictInt | None = Field(default=None, ge=0)
    image_begin: StrictInt | str | None = None
    image_last: StrictInt | str | None = None
    trust_remote_code: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> LoadOptions:
        if self.load_in_8bit and self.load_in_4bit:
            raise ValueError("give one of load_in_8bit and load_in_4bit")
        if self.device is not None and self.device_map is not None:
            raise ValueError("give one of device and device_map")
        return self

    @property
    def named(self) -> str:
        """The checkpoint as it is typed, for messages."""
        return f"pretrained={self.pretrained}"

    @property
    def architecture_changes(self) -> dict[str, Any]:
        """Facts about the architecture that the user gave, by the names of the table's fields."""
        facts = {
            "unit": self.image_unit,
            "image_token": self.image_token,
            "begin": self.image_begin,
            "last": self.image_last,
        }
        return {name: value for name, value in facts.items() if value is not None}


@dataclass(frozen=True)
class AdapterOptions:
    """Validated ``model_args``."""

    load: LoadOptions
    interventions: tuple[Intervention, ...]


def option_names(method: type[Intervention]) -> dict[str, str]:
    """The options of an intervention: option name -> field.

    A trailing underscore of a field (``lambda_``) is dropped.
    """
    return {f"{method.name}_{f.name.rstrip('_')}": f.name for f in fields(method)}


def known_options() -> list[str]:
    """Every key that ``model_args`` may have."""
    return [*LoadOptions.model_fields, *PIXEL_LIMITS, *intervention_options()]


def intervention_options() -> list[str]:
    """Those of all interventions; they are the same for every back end."""
    names: list[str] = []
    for method in REGISTRY.values():
        names += option_names(method)
        if method.main is None:
            names.append(method.name)
    return names


def switch(name: str, value: Any) -> bool:
    """Reads a switch.

    Raises:
        UsageError: neither true nor false.
    """
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"{name}={value!r}: should be true or false") from error


def build_intervention(
    method: type[Intervention], options: Mapping[str, Any]
) -> Intervention | None:
    """Makes one intervention from those of ``options`` that are its own.

    Returns:
        The intervention, or None if it is not switched on.

    Raises:
        UsageError: a value is out of range, or an option is set that cannot take effect.
    """
    names = option_names(method)
    given = {field: options[name] for name, field in names.items() if name in options}
    if method.main is None:
        key, is_on = method.name, switch(method.name, options.get(method.name, False))
        is_off = key in options and not is_on
    else:
        key = next(name for name, field in names.items() if field == method.main)
        is_on, is_off = method.main in given, False
    if not is_on:
        if given and not is_off:
            extra = next(name for name, field in names.items() if field in given)
            needed = f"{key}=true" if method.main is None else f"{key}=..."
            raise UsageError(
                f"{extra} has no effect without {needed}: add it, or leave {extra} out"
            )
        return None
    required = {f.name for f in fields(method) if f.default is MISSING and f.name not in given}
    missing = [name for name, field in names.items() if field in required]
    if missing:
        raise UsageError(f"{key} needs {missing[0]}: add {missing[0]}=...")
    try:
        return method(**given)
    except ValueError as error:
        raise UsageError(str(error)) from error


def build_interventions(options: Mapping[str, Any]) -> tuple[Intervention, ...]:
    """All interventions that ``options`` switch on, in the registry's order.

    Raises:
        UsageError: see :func:`build_intervention`, or two forms of one method.
    """
    options = _without_aliases(options)
    built = (build_intervention(method, options) for method in REGISTRY.values())
    found = tuple(i for i in built if i is not None)
    try:
        check_together(found)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return found


def _without_aliases(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with ``agci_lambda=auto`` and the like as what they stand for."""
    own = dict(options)
    for method in REGISTRY.values():
        if method.alias is None:
            continue
        key, value = method.alias
        if own.get(key) != value:
            continue
        del own[key]
        own.setdefault(method.name, True)
        parent = next(m for m in REGISTRY.values() if key in option_names(m))
        extra = next((name for name in option_names(parent) if name in own), None)
        if extra is not None:
            raise UsageError(f"{extra} does not go with {key}={value}: leave it out")
    return own


def parse_options(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> AdapterOptions:
    """Checks ``model_args``.

    Args:
        given: what the user wrote.
        defaults: what the adapter's YAML sets.

    Raises:
        UsageError: an unknown key (with the nearest known one), or a value out of range.
    """
    known = known_options()
    for key in (*given, *defaults):
        if key not in known and not key.startswith(PREFIX):
            raise UsageError(f"unknown model_args key {key!r}: {nearest(key, known)}")
    merged = {**defaults, **given}
    if "pretrained" not in merged:
        raise UsageError("pretrained is missing: add pretrained=<hub id, folder or micro-llava>")
    own = {k: v for k, v in merged.items() if k in LoadOptions.model_fields and v is not None}
    if isinstance(own.get("processor", {}), dict):
        own["processor"] = processor_options(defaults) | processor_options(given)
    try:
        load = LoadOptions(**own)
    except ValidationError as error:
        raise UsageError(one_line(error, LoadOptions)) from error
    methods = [name for name in merged if name.split("_")[0] in REGISTRY]
    if load.architecture_changes and not methods:
        name = next(name for name in merged if name.startswith("image_"))
        raise UsageError(f"{name} has no effect without an intervention: add one, or leave it out")
    return AdapterOptions(load, build_interventions(merged))


def processor_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that go to the processor, by the processor's names.

    Raises:
        UsageError: one is given twice.
    """
    found: dict[str, Any] = dict(options.get("processor") or {})
    for name, value in options.items():
        if value is None or not (name in PIXEL_LIMITS or name.startswith(PREFIX)):
            continue
        short = name.removeprefix(PREFIX)
        if short in found:
            raise UsageError(f"{short} is given twice: as {short} and as {PREFIX}{short}")
        found[short] = value
    return found


def describe(interventions: tuple[Intervention, ...]) -> str:
    """What is in force, in a few words."""
    active = [i for i in interventions if not i.is_identity]
    return " + ".join(map(str, active)) if active else "no intervention, the stock model"
