"""The embedded models answer the small probe under vLLM as under transformers, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lmms_bapa.harness import presets
from lmms_bapa.interventions import AGCI, BaPA, Intervention
from tests.harness_runs import evaluate, replies

ENGINE = dict(enforce_eager=True, dtype="float32", max_model_len=512, batch_size=128)
SETTINGS: dict[str, tuple[Intervention, ...]] = {"off": (), "both": (BaPA(), AGCI(0.5))}
TASKS = {
    "micro-llava": "spatial_probe_lite",
    "micro-llava-uniform": "spatial_probe_lite",
    "micro-llava-start": "spatial_probe_lite",
    "micro-llava-relations": "spatial_relation_probe_lite",
}


@pytest.fixture(scope="module", params=TASKS)
def adapters(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any, Any]]:
    """A task, and one model for it in both back ends."""
    name = str(request.param)
    theirs = presets.hf_bapa(pretrained=name, device="cpu", batch_size=32)
    ours = presets.vllm_bapa(model=name, **ENGINE)
    theirs.keep_loaded = ours.keep_loaded = True
    yield TASKS[name], theirs, ours
    ours.keep_loaded = False
    ours.clean()


def test_all_replies_are_equal(adapters: tuple[str, Any, Any]) -> None:
    task, *both = adapters
    found = {}
    for setting, wanted in SETTINGS.items():
        for adapter in both:
            adapter.steer(*wanted)
        theirs, ours = (replies(evaluate(a, [task], log_samples=True), task) for a in both)
        assert len(theirs) > 50
        assert len(set(theirs.values())) > 1
        assert ours == theirs
        found[setting] = theirs
    assert found["off"] != found["both"]
