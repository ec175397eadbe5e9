"""How a class becomes known by its name; every registry of the package enters its classes here."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar


class Named(Protocol):
    """What a registry holds."""

    name: ClassVar[str]


T = TypeVar("T", bound=Named)


def enter(registry: dict[str, type[T]], cls: type[T], kind: str) -> type[T]:
    """Adds a class under its ``name``.

    Args:
        registry: name -> class.
        cls: the class; a module that is run again may enter it again.
        kind: what the classes are, for the message.

    Returns:
        ``cls``.

    Raises:
        ValueError: another class already has that name.
    """
    other = registry.get(cls.name)
    if other is not None and other.__qualname__ != cls.__qualname__:
        raise ValueError(f"two {kind} are called {cls.name!r}: {other} and {cls}")
    registry[cls.name] = cls
    return cls
