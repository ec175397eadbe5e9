"""What ``shift:`` in a task's YAML may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lmms_bapa.errors import UsageError
from lmms_bapa.shift.fills import FILLS
from lmms_bapa.shift.layouts import LAYOUTS, Layout
from lmms_bapa.validation import nearest, one_line

# Part of every task's metadata, which the harness's response cache looks at; pictures it does
# not see. Raise it when a placement would no longer give the same pixels.
SHIFT_VERSION = "1.0"

ORIGINAL = "original"


class ShiftSpec(BaseModel):
    """How a task is shifted.

    Attributes:
        layout: the places; its options stand beside these.
        fill: ``white``, ``mean`` or ``blurred``.
        documents: how many documents to show, spread evenly over the data set; None for all.
        together: documents that are scored together and stand side by side in the data set, such
            as MME's pairs: they are taken as one.
        replies: what a reply should be, for the share that cannot be read and for chance:
            ``letter``, ``yes_no``, ``free``, or ``auto`` by question and target.
        verdict: the metric whose value says whether a document was answered right; None for the
            first that does.
        judge: lets a scorer ask a paid model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    layout: Layout
    fill: str = "white"
    documents: int | None = Field(default=None, ge=1)
    together: int = Field(default=1, ge=1)
    replies: Literal["auto", "letter", "yes_no", "free"] = "auto"
    verdict: str | None = None
    judge: bool = False

    @field_validator("fill")
    @classmethod
    def _known_fill(cls, fill: str) -> str:
        if fill not in FILLS:
            raise ValueError(nearest(fill, list(FILLS)))
        return fill

    @property
    def names(self) -> tuple[str, ...]:
        """The places in the order in which they are shown, the original first."""
        return (ORIGINAL, *(p.name for p in self.layout.placements))

    def summary(self) -> dict[str, Any]:
        """Everything that decides what is shown, as plain values."""
        settings = self.model_dump(mode="json", exclude={"layout"}, exclude_none=True)
        return {"layout": self.layout.name, **self.layout.model_dump(mode="json"), **settings}


def read_spec(given: Mapping[str, Any]) -> ShiftSpec:
    """Reads the mapping under ``shift:``.

    Raises:
        UsageError: no mapping, an unknown layout or option, or a value out of range.
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"shift: {given!r} is no mapping: write options, such as layout: grid")
    options = dict(given)
    name = options.pop("layout", "grid")
    if not isinstance(name, str) or name not in LAYOUTS:
        raise UsageError(f"shift.layout={name!r}: {nearest(str(name), list(LAYOUTS))}")
    own = {key: options.pop(key) for key in list(options) if key in ShiftSpec.model_fields}
    known = [*LAYOUTS[name].model_fields, *ShiftSpec.model_fields]
    for key in options:
        if key not in known:
            raise UsageError(f"shift.{key} is unknown to layout {name}: {nearest(str(key), known)}")
    try:
        layout = LAYOUTS[name](**options)
        return ShiftSpec(layout=layout, **own)
    except ValidationError as error:
        model = LAYOUTS[name] if error.title == LAYOUTS[name].__name__ else ShiftSpec
        raise UsageError(f"shift.{one_line(error, model)}") from error


def is_shifted(config: Mapping[str, Any]) -> bool:
    """Whether a task, by its configuration in the results, is a position-shifted one."""
    metadata = config.get("metadata")
    return isinstance(metadata, Mapping) and isinstance(metadata.get("shift"), Mapping)
