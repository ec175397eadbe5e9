"""Which architectures the interventions reach."""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import version

from rich import box
from rich.table import Table
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_names, preset_path
from lmms_bapa.steering import ARCHITECTURES, Architecture, row_of

STATUSES = ("proven", "expected", "refused")
COLOURS = {"proven": "green", "expected": "yellow", "refused": "red"}


def rows() -> dict[str, Architecture]:
    """The row of each type of the installed transformers; a type without one is ``expected``."""
    missing = Architecture(note="newer than this version of lmms-bapa")
    kinds = sorted(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    return {kind: row_of(kind) or missing for kind in kinds}


def count_line() -> str:
    """How many of each status."""
    count = Counter[str](row.status for row in rows().values())
    each = ", ".join(f"{count[status]} {status}" for status in STATUSES)
    return (
        f"{each}, of the {count.total()} image-text-to-text types of transformers "
        f"{version('transformers')}. Where no adapter is named, use hf_bapa."
    )


def coverage_table(status: str | None = None) -> Table:
    """One line for each type.

    Args:
        status: only the types of this status.
    """
    named = _adapters()
    table = Table(box=box.HORIZONTALS, pad_edge=False)
    for heading in ("model type", "status", "adapter", "one image is, or why not"):
        table.add_column(heading, no_wrap=heading == "model type", overflow="fold")
    for kind, row in rows().items():
        if status not in (None, row.status):
            continue
        colour, names = COLOURS[row.status], " ".join(named.get(kind, []))
        table.add_row(kind, f"[{colour}]{row.status}[/]", names, remark(row))
    return table


def markdown_table() -> str:
    """The same for the documentation: every type of our table, whatever is installed."""
    named = _adapters()
    lines = ["| model type | status | adapter | one image is, or why not |", "|---|---|---|---|"]
    for kind, row in sorted(ARCHITECTURES.items()):
        names = " ".join(f"`{name}`" for name in named.get(kind, []))
        lines.append(f"| `{kind}` | {row.status} | {names} | {marked_up(remark(row))} |")
    return "\n".join(lines) + "\n"


def marked_up(text: str) -> str:
    """A remark as a cell of a Markdown table."""
    return re.sub(r"<[^ ]+>|\w+_\w+", r"`\g<0>`", text).replace("|", "\\|")


def _adapters() -> dict[str, list[str]]:
    """The named adapters of each model type."""
    found: dict[str, list[str]] = {}
    for name in preset_names():
        for kind in load_preset(preset_path(name)).model_types:
            found.setdefault(kind, []).append(name)
    return found


def remark(row: Architecture) -> str:
    """What a user should know of a family, in a few words."""
    if row.status == "refused":
        return row.note
    parts = [row.describe(), row.note, *decoder_facts(row)]
    if not row.layered:
        parts.append("AGCI by depth does not reach its layers")
    if row.since != "0":
        parts.append(f"transformers {row.since} or newer")
    if row.video:
        parts.append("videos too")
    return "; ".join(part for part in parts if part)


def decoder_facts(row: Architecture) -> list[str]:
    """What is said of a family's positions, wherever it runs."""
    axes = [f"{row.axes} position axes"] if row.axes > 1 else []
    return axes + (["not all layers use positions"] if row.deaf or row.heard else [])
