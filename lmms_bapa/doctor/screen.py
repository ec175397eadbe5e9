"""The findings as one screen, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lmms_bapa import __version__
from lmms_bapa.doctor.examination import works
from lmms_bapa.doctor.finding import Finding

_COLOURS = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}
_NAMES = 15  # columns

Found = Mapping[str, Sequence[Finding]]


def screen(found: Found) -> RenderableType:
    """All findings, by group; what to do stands under what is wrong."""
    parts: list[RenderableType] = []
    for title, findings in found.items():
        parts += [Text(title, style="bold"), Padding(_table(findings), (0, 0, 1, 0))]
    return Group(*parts, Text.from_markup(summary(found)))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(width=7, no_wrap=True)
    table.add_column(width=_NAMES, overflow="fold")
    table.add_column(overflow="fold")
    for f in findings:
        said = Text(f.said, style="dim" if f.status == "note" else "")
        if f.remedy:
            said.append("\n→ ", style="cyan").append(f.remedy, style="cyan")
        table.add_row(Text(f.status, style=_COLOURS[f.status]), f.name, said)
    return table


def summary(found: Found) -> str:
    """One line: whether all that is needed works, and how much is not as it should be."""
    flat = [finding for findings in found.values() for finding in findings]
    count = Counter(finding.status for finding in flat)
    told = [
        f"{count[status]} {status}{'s' if count[status] > 1 else ''}"
        for status in ("problem", "warning")
        if count[status]
    ]
    rest = f" ({', '.join(told)})" if told else ""
    if works(flat):
        return f"[green]All that is needed works.[/]{rest}"
    return f"[bold red]Something that is needed does not work.[/]{rest}"


def as_json(found: Found) -> str:
    """The same for programs: an object with ``works`` and a list of ``checks``."""
    checks = [
        {"group": title, **asdict(finding)} for title, group in found.items() for finding in group
    ]
    flat = [finding for findings in found.values() for finding in findings]
    content = {"lmms_bapa": __version__, "works": works(flat), "checks": checks}
    return json.dumps(content, indent=2, ensure_ascii=False)
