"""Moved to :mod:`lmms_bapa.validation`."""

from lmms_bapa.validation import nearest, one_line, reason

__all__ = ["nearest", "one_line", "reason"]
