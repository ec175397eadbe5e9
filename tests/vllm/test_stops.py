"""An engine that cannot be steered as wanted stops: nobody gets the stock model's answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vllm import LLM

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering.errors import SteeringError, UnsupportedModelError
from lmms_bapa.vllm.engine import confirm, engine_arguments, shut_down
from lmms_bapa.vllm.steered import Steered

from .asking import ARGUMENTS, Engine
from .checkpoints import CLIP_NAMES, FAMILIES, WIDTH, Small
from .engines import engine
from .questions import QUESTIONS

BOTH = (BaPA(), AGCI(2.0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    saved: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in saved:
            saved[name] = FAMILIES[name].save(tmp_path_factory.mktemp(name))
        return saved[name]

    return folder


def go_past(patch: pytest.MonkeyPatch, name: str) -> None:
    """Puts the stock method back, as another plugin might."""

    def stock(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(Steered, self), name)(*args, **kwargs)

    patch.setattr(Steered, name, stock)


def not_asked(patch: pytest.MonkeyPatch, running: Engine) -> None:
    """Has the runner give positions by itself."""
    core = running.llm.llm_engine.engine_core.engine_core
    patch.setattr(core.model_executor.driver_worker.worker.model_runner, "uses_mrope", False)


def stock_encoder(patch: pytest.MonkeyPatch, running: Engine) -> None:
    del running
    go_past(patch, "embed_multimodal")


def stock_positions(patch: pytest.MonkeyPatch, running: Engine) -> None:
    del running
    go_past(patch, "get_mrope_input_positions")


Break = Callable[[pytest.MonkeyPatch, Engine], None]


@pytest.mark.parametrize(
    ("family", "damage"),
    [("llava", stock_encoder), ("llava", not_asked), ("qwen2_5_vl", stock_positions)],
)
def test_a_hook_that_does_not_fire_stops_the_engine(
    folders: Callable[[str], Path], family: str, damage: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(folders(family), *BOTH) as running:
        damage(monkeypatch, running)
        with pytest.raises(SteeringError, match="the engine stops") as caught:
            running.answers(QUESTIONS[:1])
        assert "\n" not in str(caught.value)


def test_a_language_model_without_rotary_positions_is_refused(tmp_path: Path) -> None:
    """vLLM's LLaVA takes any language model; this one adds learned positions."""
    untied = {"tie_word_embeddings": False}
    own = dict(model_type="opt", ffn_dim=WIDTH, num_attention_heads=4, word_embed_proj_dim=WIDTH)
    folder = Small(
        "llava",
        own | untied,
        whole=untied,
        renamed=CLIP_NAMES,
    ).save(tmp_path)
    said = pytest.raises(UnsupportedModelError, match="OPTForCausalLM has no rotary")
    with said, engine(folder, BaPA()):
        pass


@pytest.fixture(scope="module")
def unsteered(folders: Callable[[str], Path]) -> Iterator[Any]:
    """A worker that the variable did not reach."""
    wanted = engine_arguments(BOTH, {"model": str(folders("llava")), **ARGUMENTS})
    llm = LLM(**wanted)
    yield llm
    shut_down(llm)


def test_a_worker_that_lost_the_variable_is_noticed(unsteered: Any) -> None:
    with pytest.raises(SteeringError, match=r"has no intervention, not .*agci") as caught:
        confirm(unsteered, BOTH)
    assert "\n" not in str(caught.value)


def test_a_worker_with_another_strength_is_noticed(folders: Callable[[str], Path]) -> None:
    with engine(folders("llava"), AGCI(0.5)) as running:
        confirm(running.llm, [AGCI(0.5)])
        with pytest.raises(SteeringError, match=r'worker 0 .*"lambda_": 0.5.*not .*2.0'):
            confirm(running.llm, [AGCI(2.0)])


def test_a_plugin_that_is_left_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_PLUGINS", "other")
    with pytest.raises(UsageError, match=r"VLLM_PLUGINS=other: .*lmms_bapa") as caught:
        engine_arguments(BOTH, {})
    assert "\n" not in str(caught.value)
    assert engine_arguments((), {"seed": 1}) == {"seed": 1}
