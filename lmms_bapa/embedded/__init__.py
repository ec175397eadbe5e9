"""Small LLaVA models, trained on the probes' own canvases; two have a planted position bias.

They are instruments: they let the whole pipeline run, and be tested, on a machine with neither a
GPU nor a model hub. Their bias was put in on purpose, so they say nothing of real models.
"""

from __future__ import annotations

from pathlib import Path

EMBEDDED: dict[str, str] = {
    "micro-llava": "misses pictures near the top left: its training asked mostly for those at the "
    "end of the image",
    "micro-llava-start": "misses pictures near the bottom right: its training asked mostly for "
    "those at the start of the image",
    "micro-llava-uniform": "the control: its training asked for all positions equally often",
    "micro-llava-relations": "also tells left from right and above from below, by the positions of "
    "the image tokens",
}

_WEIGHTS = Path(__file__).parent / "weights"


def embedded_path(name: str) -> Path | None:
    """The folder of an embedded model, or None if no embedded model is called so."""
    return _WEIGHTS / name if name in EMBEDDED else None
