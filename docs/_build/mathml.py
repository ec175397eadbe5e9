"""Renders the formulas of a page as MathML when the site is built: no script, no other host."""

from __future__ import annotations

import html
import logging
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)
_LOGGER = logging.getLogger("mkdocs.hooks.mathml")


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Called by MkDocs with the HTML of each page.

    Args:
        content: the HTML.
        page: whose it is.

    Returns:
        The same with every formula as MathML, which browsers draw themselves. A formula that is not
        understood is a warning, with which a strict build fails.
    """

    def render(match: re.Match[str]) -> str:
        tex = html.unescape(match["tex"])
        formula = str(convert(tex, display="block" if match["tag"] == "div" else "inline"))
        if "\\" in formula:
            _LOGGER.warning(f"{page.file.src_uri}: not understood: {tex}")
        return formula

    return _FORMULA.sub(render, content)
