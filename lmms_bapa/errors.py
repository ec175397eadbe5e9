"""The error that is the user's to mend."""


class UsageError(ValueError):
    """An input was wrong. The message is one line that says what, and what to do instead."""
