"""Turns the cross-references of docstrings, such as ``:func:`name```, into links."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):<code>~?(?P<name>[\w.]+)</code>")
_ANCHOR = re.compile(r'id="(lmms_bapa[\w.]*)"')


def on_page_content(content: str, **_: Any) -> str:
    """Called by MkDocs with the HTML of each page.

    Returns:
        The same with references to what the page describes as links, and others as plain code.
    """
    anchors = sorted(set(_ANCHOR.findall(content)))

    def link(match: re.Match[str]) -> str:
        name = match["name"]
        found = [a for a in anchors if a == name or a.endswith(f".{name}")]
        code = f"<code>{name}</code>"
        return f'<a href="#{found[0]}">{code}</a>' if len(found) == 1 else code

    return _ROLE.sub(link, content)
