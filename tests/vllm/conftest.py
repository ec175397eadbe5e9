"""Nothing is collected where vLLM is not installed."""

from __future__ import annotations

import pytest

from .environment import IS_INSTALLED, prepare

collect_ignore_glob = [] if IS_INSTALLED else ["test_*.py"]
if IS_INSTALLED:
    prepare()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes a minute or more on one core")
