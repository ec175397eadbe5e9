"""The list of exporters."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from lmms_bapa.export import EXPORTERS


def exporters_table() -> Table:
    """Name, use and options of every exporter."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("--to", "what it writes", "options"):
        table.add_column(heading)
    for name, kind in sorted(EXPORTERS.items()):
        options = [
            f"{key}: {field.description or ''}{' (needed)' if field.is_required() else ''}"
            for key, field in kind.model_fields.items()
        ]
        table.add_row(name, escape(kind.summary), escape("\n".join(options) or "none"))
    return table
