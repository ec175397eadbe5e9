"""All checks in their order, each of which may fail without harm to the others."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence

from loguru import logger

from lmms_bapa.doctor import engine, harness_view, installation, machine, optional, registered
from lmms_bapa.doctor.finding import Check, Finding
from lmms_bapa.doctor.installation import NAME, NotInstalledError

CHECKS: Mapping[str, Sequence[Check]] = {
    "installation": (
        installation.python,
        installation.package,
        installation.requirements,
        installation.tested_transformers,
    ),
    # The plugins last: to load ours by itself would hide that lmms-eval does not.
    "what lmms-eval sees": (harness_view.models, harness_view.tasks, harness_view.plugins),
    "machine": (machine.devices, machine.attention, machine.disk, machine.hub),
    "registered": (
        registered.interventions,
        registered.adapters,
        registered.architectures,
        registered.places,
        registered.exporters,
        registered.embedded_models,
    ),
    "optional parts": (optional.optional_parts, engine.vllm),
}


def examine(checks: Mapping[str, Sequence[Check]] = CHECKS) -> Iterator[tuple[str, list[Finding]]]:
    """Runs the checks.

    Args:
        checks: those of each group.

    Yields:
        A group's title and what its checks found.
    """
    told: set[str] = set()
    with _silence():
        for title, group in checks.items():
            yield title, [finding for check in group for finding in _run(check, told)]


def works(findings: Sequence[Finding]) -> bool:
    """Whether all that is needed works."""
    return all(finding.status != "problem" for finding in findings)


def _run(check: Check, told: set[str]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:
        name = check.__name__.replace("_", " ")
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if any(said in text for text in told):
            found.append(Finding(name, "problem", "cannot be told, for a reason given above"))
        else:
            found.append(Finding(name, "problem", said, _remedy(error)))
    told.update(finding.said for finding in found if finding.status == "problem")
    return found


def _remedy(error: Exception) -> str:
    if isinstance(error, NotInstalledError):
        return f"pip install {NAME}, or pip install --editable . in a checkout"
    if isinstance(error, ImportError) and error.name:
        return f"install {error.name.partition('.')[0]} again"
    return "if that does not tell you what to do, report it with lmms-bapa doctor --json"


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps what libraries print at their import off the screen."""
    logger.remove()
    with (
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield
