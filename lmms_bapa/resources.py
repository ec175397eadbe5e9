"""Finds the folders of YAML, in an installed package and in a checkout alike."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``tasks`` or ``model_configs``.

    A wheel carries them inside the package; an editable checkout has them beside it.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for place in (_PACKAGE / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"lmms-bapa was installed without its {name}/ folder: reinstall it")
