"""Python, this package, and whether what it needs is there."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lmms_bapa import __version__
from lmms_bapa.doctor.finding import Finding
from lmms_bapa.provenance.surroundings import PACKAGES, commit

NAME = "lmms-bapa"
_REINSTALL = f"pip install --force-reinstall --no-deps {NAME}"


class NotInstalledError(RuntimeError):
    """This package runs, but pip knows nothing of it."""


def python() -> Iterator[Finding]:
    """The interpreter, against ``requires-python`` of the installed metadata."""
    wanted = _installed().metadata["Requires-Python"] or ""
    here = platform.python_version()
    system = f"{platform.system()} {platform.machine()}"
    fits = not wanted or Requirement(f"python{wanted}").specifier.contains(here, prereleases=True)
    yield Finding(
        "Python",
        "ok" if fits else "problem",
        f"{here} on {system}, needed {wanted}",
        "" if fits else f"make an environment with Python {wanted}, and install {NAME} there",
    )


def package() -> Iterator[Finding]:
    """This package: its version, and the commit if it runs from a checkout."""
    installed = _installed().version
    code, changed = commit()
    place = "installed" if code is None else f"checkout at commit {code[:12]}"
    said = f"{__version__}, {place}{', with changes' if changed else ''}"
    if Version(installed) != Version(__version__):
        yield Finding(
            NAME,
            "warning",
            f"{said}; pip has {installed} on record",
            "pip install --editable ." if code is not None else _REINSTALL,
        )
        return
    yield Finding(NAME, "ok", said)


def requirements() -> Iterator[Finding]:
    """Every requirement of the installed metadata, the versions that answers depend on named."""
    declared = _installed().requires or []
    unmet = list(unfulfilled(declared))
    yield from unmet
    count = len(_applying(declared))
    named = ", ".join(f"{name} {version(name)}" for name in PACKAGES if _has(name))
    fulfilled = f"{count - len(unmet)} of {count} as declared"
    yield Finding("requirements", "ok", f"{fulfilled}: {named}")


def tested_transformers() -> Iterator[Finding]:
    """Whether the suite was run with this version of transformers."""
    from lmms_bapa.steering.architecture import TESTED, is_tested

    here = version("transformers")
    if not is_tested(here):
        yield Finding(
            "transformers",
            "warning",
            f"{here} was not tested, {' and '.join(TESTED)} were",
            f"check your model with lmms-bapa verify, or pip install transformers=={TESTED[-1]}",
        )


def unfulfilled(requirements: Iterable[str]) -> Iterator[Finding]:
    """A problem for each requirement that is not installed, or in another version.

    Args:
        requirements: as in a package's metadata; those of extras do not count.
    """
    for wanted in _applying(requirements):
        remedy = f"pip install '{wanted.name}{wanted.specifier}'"
        range_ = f"needed {wanted.specifier}" if str(wanted.specifier) else "needed"
        try:
            here = version(wanted.name)
        except PackageNotFoundError:
            yield Finding(wanted.name, "problem", f"not installed, {range_}", remedy)
            continue
        if not wanted.specifier.contains(here, prereleases=True):
            yield Finding(wanted.name, "problem", f"{here}, {range_}", remedy)


def _applying(requirements: Iterable[str]) -> list[Requirement]:
    parsed = [Requirement(line) for line in requirements]
    own = canonicalize_name(NAME)
    return [
        r
        for r in parsed
        if canonicalize_name(r.name) != own
        and (r.marker is None or r.marker.evaluate({"extra": ""}))
    ]


def _installed() -> Distribution:
    try:
        return distribution(NAME)
    except PackageNotFoundError as error:
        raise NotInstalledError(
            f"{NAME} is imported from a folder; lmms-eval does not find it there"
        ) from error


def _has(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
