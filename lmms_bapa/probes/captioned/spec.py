"""What a probe of captioned pictures asks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lmms_bapa.probes.layouts import CANVAS

# Raise this number when the same pictures, captions and seed would no longer give the same
# questions or pixels: it stands in every folder that is built, and a task refuses another one.
CAPTIONED_VERSION = "1.0"


class CaptionedSpec(BaseModel):
    """The plan of a probe, without its pictures.

    Attributes:
        rows: the grid is ``rows`` x ``rows``.
        canvas: side of the canvas in pixels.
        groups: number of groups; a group has ``2 * rows**2`` questions.
        seed: seed of everything.
        distractors: ``random`` pictures, or ``hard``: those whose captions are most like the key's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=3, ge=2, le=9)
    canvas: int = Field(default=CANVAS, ge=96, le=4096)
    groups: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0)
    distractors: Literal["random", "hard"] = "random"
