"""A reply that remembers how sure the model was; the harness hands nothing but texts through."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from lmms_eval.api.instance import GenerationResult

# All but the production Char of XML 1.0 (section 2.2): what no sheet and no web page can hold.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Reply(str):
    """The text of a reply; to everybody else it is just that.

    The harness passes the object on to ``process_results``, and to other processes by pickle.
    Whoever cuts or rewrites the text gets a plain text without a margin: the first token of a
    reply that began with thoughts says nothing about the answer behind them.

    Attributes:
        margin: log p(Yes) - log p(No) at the first token (see :mod:`lmms_bapa.harness.margins`);
            NaN if unknown.
    """

    margin: float

    def __new__(cls, text: str, margin: float = math.nan) -> Reply:
        """Makes a reply from its text."""
        reply = super().__new__(cls, text)
        reply.margin = margin
        return reply

    def strip(self, chars: str | None = None, /) -> Reply:
        """Without blanks at both ends; the same reply, so its margin stays.

        The harness's command line does this to every reply, to take thoughts off.
        """
        return Reply(super().strip(chars), self.margin)


def without_control_characters(text: str) -> str:
    """A text without the characters that XML 1.0 forbids.

    These are the control characters except tab, line feed and carriage return, lone surrogates,
    U+FFFE and U+FFFF. A spreadsheet with one of them cannot be written, and a lone surrogate can
    be in no file.
    """
    return _NOT_XML.sub("", text)


def clean(replies: Sequence[GenerationResult]) -> int:
    """Takes those characters off the replies of a batch, in place; margins stay.

    Returns:
        How many replies had any.
    """
    dirty = 0
    for reply in replies:
        text = without_control_characters(reply.text)
        if text != reply.text:
            reply.text = Reply(text, getattr(reply.text, "margin", math.nan))
            dirty += 1
    return dirty


def margin_of(reply: object) -> float | None:
    """The margin of a reply, as sample logs have it: None if it is not known."""
    margin = getattr(reply, "margin", math.nan)
    return margin if math.isfinite(margin) else None
