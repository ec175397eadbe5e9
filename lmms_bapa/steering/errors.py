"""Errors of the hook layer."""


class UnsupportedModelError(ValueError):
    """The architecture cannot take the intervention; raised before anything is changed."""


class SteeringError(RuntimeError):
    """A forward pass reached the model in a way that the intervention could not follow."""
