"""Declares torchvision's operators where its compiled part cannot be loaded.

A package index has torchvision for CUDA. Beside a torch for the CPU its library does not load, and
``import torchvision`` then fails, since it describes two operators that nobody declared. Declared,
they still do nothing: calling one is an error, as it should be.

:mod:`tests.vllm_install` copies this file into an environment of vLLM, where each start of Python
imports it. It must cost nothing there, so torch is not imported before torchvision is.
"""

from __future__ import annotations

import importlib.abc
import sys
from typing import Any

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Declares the operators when torchvision is looked for, and leaves finding it to others."""

    library: Any = None  # declared for as long as it lives

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname != "torchvision" or self.library is not None:
            return
        import torch

        self.library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in OPERATORS:
            self.library.define(schema)


sys.meta_path.insert(0, BeforeTorchvision())
