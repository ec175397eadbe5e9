"""Errors of the hook layer."""

from lmms_bapa.errors import UsageError


class UnsupportedModelError(UsageError):
    """The architecture cannot take the intervention; raised before anything is changed."""


class SteeringError(RuntimeError):
    """A forward pass reached the model in a way that the intervention could not follow."""
