"""Settings and fixtures of all tests."""

from __future__ import annotations

import os
from typing import Any

# Tests never reach for a network, even where there is one.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import pytest
import torch

from .tiny_models import TINY, TinyModel

# Small models are fastest on one thread, and sums then come out alike on every machine.
torch.set_num_threads(1)


@pytest.fixture(scope="module", params=list(TINY))
def tiny(request: pytest.FixtureRequest) -> tuple[TinyModel, Any]:
    spec = TINY[request.param]
    return spec, spec.build()
