"""The findings as a table for the eye, and as Markdown to paste into an issue."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

import torch
from rich import box
from rich.table import Table

from lmms_bapa import __version__
from lmms_bapa.verify.checks import Finding
from lmms_bapa.verify.subject import Subject

_COLOURS = {"pass": "green", "FAIL": "bold red", "info": "dim"}


def describe(subject: Subject) -> str:
    """Model and surroundings, in one line."""
    model = subject.model
    device = model.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    parts = [
        f"{subject.name} ({model.config.model_type})",
        str(model.dtype).removeprefix("torch."),
        f"{getattr(model.config, '_attn_implementation', 'default')} attention",
        f"{device.type} {where}",
        f"lmms-bapa {__version__}",
        f"transformers {version('transformers')}",
        f"torch {torch.__version__}",
    ]
    return ", ".join(parts)


def as_table(title: str, findings: Sequence[Finding]) -> Table:
    """For a terminal."""
    table = Table(title=title, box=box.HORIZONTALS, pad_edge=False, title_justify="left")
    for heading in ("check", "verdict", "measured", "wanted"):
        table.add_column(heading)
    for f in findings:
        table.add_row(f.name, f"[{_COLOURS[f.verdict]}]{f.verdict}[/]", f.figure, f.bound)
    return table


def as_markdown(title: str, findings: Sequence[Finding]) -> str:
    """For an issue."""
    lines = [f"**lmms-bapa verify**: {title}", "", "| check | verdict | measured | wanted |"]
    lines.append("|---|---|---|---|")
    lines += [f"| {f.name} | {f.verdict} | {f.figure} | {f.bound} |" for f in findings]
    return "\n".join(lines) + "\n"
