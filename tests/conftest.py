"""Settings and fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

# Tests never reach for a network, even where there is one.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import pytest
import torch
from loguru import logger

from .tiny import TINY, Tiny

# Small models are fastest on one thread, and sums then come out alike on every machine.
torch.set_num_threads(1)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What is warned of."""
    lines: list[str] = []
    handler = logger.add(lambda message: lines.append(message.record["message"]), level="WARNING")
    yield lines
    logger.remove(handler)


@pytest.fixture(scope="module", params=["llava", "qwen2_5_vl"])
def tiny(request: pytest.FixtureRequest) -> tuple[Tiny, Any]:
    """A family with one position axis, and one with three."""
    spec = TINY[request.param]
    return spec, spec.build(request.param)
