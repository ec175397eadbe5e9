"""A reply that remembers how sure the model was; the harness hands nothing but texts through."""

from __future__ import annotations

import math


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


def margin_of(reply: object) -> float | None:
    """The margin of a reply, as sample logs have it: None if it is not known."""
    margin = getattr(reply, "margin", math.nan)
    return margin if math.isfinite(margin) else None
