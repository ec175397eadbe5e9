"""vLLM's caches do not know the strength: an engine has one for life, so they need not.

Each engine cuts prompts into chunks of 32 tokens, through the middle of pictures, and keeps blocks
of as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.vllm import VARIABLE
from lmms_bapa.vllm.plugin import register
from lmms_bapa.vllm.settings import to_text
from lmms_bapa.vllm.steered import Steered

from .checkpoints import FAMILIES
from .engines import Engine, engine
from .parity import TOLERANCE, compared, difference
from .questions import QUESTIONS, Question
from .reference import Reference

CHUNK = 32
CACHES = dict(max_num_batched_tokens=CHUNK, block_size=CHUNK, enable_prefix_caching=True)
# Four sequences at a time, so that chunks of several of them go together.
MANY = (*QUESTIONS, Question("another image", (4,), "red"), Question("once more", (3,), "red"))
# A picture behind another beginning: not in the prefix cache, and whole in the encoder's.
BEHIND = Question("behind a word", (3,), "red", before="Please: ")


@dataclass(frozen=True)
class Both:
    """One checkpoint, a running engine under a setting, and the reference."""

    running: Engine
    reference: Reference
    setting: tuple[Any, ...]
    encoded: Counter[str]

    def check(self, *questions: Question) -> list[int]:
        """Compares answers; returns how many tokens of each prompt came from the prefix cache."""
        found = self.running.answers(questions)
        for case in compared(self.reference, self.setting, questions, found):
            case.check(is_on=True)
        return [answer.cached for answer in found]


# Two engines of one checkpoint one after the other, in one process; the second one would find what
# the first one kept.
STARTS = [("llava_next", 0.5), ("llava_next", 2.0), ("qwen2_5_vl", 2.0)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = {name for name, _ in STARTS}
    return {name: FAMILIES[name].save(tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture(scope="module", params=STARTS, ids=lambda start: f"{start[0]}, {start[1]}")
def both(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[Both]:
    name, strength = request.param
    setting = (BaPA(), AGCI(strength))
    encoded: Counter[str] = Counter()
    stock = Steered.embed_multimodal

    def counted(self: Any, **kwargs: Any) -> Any:
        features = stock(self, **kwargs)
        encoded["pictures"] += len(features)
        return features

    with pytest.MonkeyPatch.context() as patch, engine(folders[name], *setting, **CACHES) as run:
        patch.setattr(Steered, "embed_multimodal", counted)
        yield Both(run, Reference(folders[name]), setting, encoded)


def test_chunks_caches_and_strengths_do_not_mix(both: Both) -> None:
    lengths = [len(a.prompt) for a in both.reference.answers(MANY)]
    assert max(lengths) > 1.5 * CHUNK
    assert both.check(*MANY)[0] == 0  # nothing was left by the engine before
    new = both.encoded["pictures"]
    assert new == 5
    again = both.check(*MANY)
    assert [cached > 0 for cached in again] == [length > CHUNK for length in lengths], again
    assert both.check(BEHIND) == [0]
    assert both.encoded["pictures"] == new


def test_a_running_engine_keeps_its_strength(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, to_text([AGCI(9.0)]))
    register()
    try:
        both.check(QUESTIONS[0], Question("new", (5,), "Is there a blue key?"))
    finally:
        monkeypatch.delenv(VARIABLE)
        register()


def test_another_strength_would_be_seen(folders: dict[str, Path]) -> None:
    """Else the tests above could not fail."""
    reference = Reference(folders["llava_next"])
    one, other = (reference.answers(QUESTIONS[:1], BaPA(), AGCI(s))[0] for s in (0.5, 2.0))
    assert difference(one, other) > 100 * TOLERANCE
