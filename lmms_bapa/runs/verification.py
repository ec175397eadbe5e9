"""Runs the checks of :mod:`lmms_bapa.verify` one after another."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import parse_arguments
from lmms_bapa.harness.presets import preset_names, unknown_adapter
from lmms_bapa.verify.checks import CHECKS, Finding
from lmms_bapa.verify.subject import Subject, load_subject


def load(pretrained: str, adapter: str, model_args: str) -> Subject:
    """Loads what is to be verified.

    Args:
        pretrained: hub id, folder or the name of an embedded model.
        adapter: the adapter whose defaults count.
        model_args: options in the harness's notation.

    Raises:
        UsageError: an unknown adapter or option, or a model that cannot be steered.
    """
    if adapter not in preset_names():
        raise UsageError(f"--adapter {adapter}: {unknown_adapter(adapter)}")
    options = parse_arguments(model_args, "model_args")
    if "pretrained" in options:
        raise UsageError("pretrained is given twice: as --model and in --model_args")
    return load_subject(pretrained, adapter, options)


def run_checks(subject: Subject, console: Console) -> list[Finding]:
    """Runs every check; one that breaks is a finding too."""
    findings: list[Finding] = []
    with Progress(*Progress.get_default_columns(), console=console, transient=True) as progress:
        for check in progress.track(CHECKS, description="checking"):
            try:
                findings += check(subject)
            except Exception as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                findings.append(Finding(check.__name__.replace("_", " "), "FAIL", reason))
    return findings
