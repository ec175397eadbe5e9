"""Which interventions an engine of vLLM may have, and the text that tells its processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from torch import Tensor

from lmms_bapa.errors import UsageError
from lmms_bapa.interventions import AGCI, AutoAGCI, BaPA, DepthAGCI, Intervention, Tokens
from lmms_bapa.vllm.engine import WITNESS, check_engine, engine_arguments
from lmms_bapa.vllm.settings import check, from_text, to_text


def test_a_text_holds_what_changes_something_and_nothing_else() -> None:
    text = to_text([BaPA(), AGCI(0.3)])
    assert json.loads(text) == {
        "bapa": {"strength": 1.0, "anchor": "paper"},
        "agci": {"lambda_": 0.3, "scope": "image"},
    }
    assert to_text([BaPA(strength=0), AGCI(0)]) == to_text([]) == ""


@pytest.mark.parametrize("wanted", [(BaPA(),), (AGCI(2),), (AutoAGCI(),), (BaPA(), AGCI(0.1))])
def test_a_text_is_read_again(wanted: tuple[Intervention, ...]) -> None:
    assert from_text(to_text(wanted)) == wanted


def test_a_person_may_leave_defaults_out() -> None:
    assert from_text('{"agci": {"lambda_": 0.3}, "bapa": {}}') == (AGCI(0.3), BaPA())
    assert from_text('{"agci": {"lambda_": 0}}') == from_text("") == from_text(" ") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bapa=true", "not JSON"),
        ("[]", "methods with their fields"),
        ('{"bapa": true}', "methods with their fields"),
        ('{"babpa": {}}', "unknown method 'babpa': did you mean bapa?"),
        ('{"agci": {}}', "agci: .*lambda_"),
        ('{"agci": {"lambda": 1}}', "agci: unknown field 'lambda': did you mean lambda_?"),
        ('{"bapa": {"anker": 1}}', "bapa: unknown field 'anker'"),
        ('{"agci": {"lambda_": -1}}', "lambda must be a number >= 0"),
        ('{"agci": {"lambda_": 1}, "agci_auto": {}}', "two forms of one method"),
        ('{"bapa": {"strength": 0.5}}', "between whole numbers"),
    ],
)
def test_another_text_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as found:
        from_text(text)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (BaPA(strength=0.5), "between whole numbers"),
        (BaPA(anchor="center"), "between whole numbers"),
        (BaPA(anchor=0.25), "between whole numbers"),
        (AGCI(0.3, scope="call"), "other images of the batch"),
        (DepthAGCI(0.3, layers=2), "decoder layers"),
    ],
)
def test_what_vllm_cannot_do_is_refused(method: Intervention, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check([method])
    with pytest.raises(UsageError, match=said):
        engine_arguments([method], {"model": "x"})


def test_what_is_off_is_not_asked_for() -> None:
    check([BaPA(strength=0, anchor="center"), AGCI(0, scope="call")])


def test_a_method_of_ones_own_is_judged_by_what_it_does() -> None:
    @dataclass(frozen=True)
    class Doubled(Intervention):
        name: ClassVar[str] = "doubled"

        def embeddings(self, x: Tensor, tokens: Tokens) -> Tensor:
            return x * 2

    @dataclass(frozen=True)
    class Centred(Intervention):
        name: ClassVar[str] = "centred"

        def embeddings(self, x: Tensor, tokens: Tokens) -> Tensor:
            return x - x[tokens.visual].mean(0)

    check([Doubled()])
    with pytest.raises(UsageError, match="other images"):
        check([Centred()])


def test_off_adds_nothing_to_an_engine() -> None:
    given = {"model": "x", "kv_transfer_config": {"kv_connector": "y"}}
    assert engine_arguments([], given) == given
    assert engine_arguments([AGCI(0)], given) == given


def test_on_adds_the_witness_alone() -> None:
    assert engine_arguments([BaPA()], {"model": "x"}) == {
        "model": "x",
        "worker_extension_cls": WITNESS,
    }


REFUSED = {
    "kv_transfer_config": {"kv_connector": "y"},
    "kv_offloading_size": 4.0,
    "ec_transfer_config": {"ec_connector": "y"},
    "speculative_config": {"method": "ngram"},
    "video_pruning_rate": 0.5,
    "enable_prompt_embeds": True,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_bypass_an_intervention_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: does not go with an intervention"):
        engine_arguments([BaPA()], {name: REFUSED[name]})
    with pytest.raises(UsageError, match=f"{name}: does not go with an intervention"):
        check_engine(engine_config(**{name: REFUSED[name]}))


@pytest.mark.parametrize("given", [{"cudagraph_mm_encoder": True}, "object"])
def test_cuda_graphs_of_encoders_are_refused(given: Any) -> None:
    graphs = SimpleNamespace(cudagraph_mm_encoder=True) if given == "object" else given
    with pytest.raises(UsageError, match="cudagraph_mm_encoder: does not go"):
        engine_arguments([AGCI(1)], {"compilation_config": graphs})
    with pytest.raises(UsageError, match="cudagraph_mm_encoder: does not go"):
        check_engine(engine_config(cudagraph_mm_encoder=True))


def test_another_implementation_is_refused() -> None:
    with pytest.raises(UsageError, match="model_impl: does not go"):
        engine_arguments([AGCI(1)], {"model_impl": "transformers"})
    engine_arguments([AGCI(1)], {"model_impl": "vllm"})


def test_a_plain_engine_passes() -> None:
    check_engine(engine_config())
    engine_arguments([AGCI(1)], {"compilation_config": 3, "speculative_config": None})


def test_a_filter_that_leaves_the_plugin_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_PLUGINS", "other")
    with pytest.raises(UsageError, match="VLLM_PLUGINS=other: leaves lmms_bapa out"):
        engine_arguments([BaPA()], {})
    monkeypatch.setenv("VLLM_PLUGINS", "other,lmms_bapa")
    engine_arguments([BaPA()], {})


def engine_config(**changes: Any) -> Any:
    """The parts of a ``VllmConfig`` that are looked at; nothing is switched on."""
    values = {**dict.fromkeys(REFUSED), "cudagraph_mm_encoder": False, **changes}
    pictures = SimpleNamespace(video_pruning_rate=values["video_pruning_rate"])
    return SimpleNamespace(
        model_config=SimpleNamespace(
            multimodal_config=pictures, enable_prompt_embeds=values["enable_prompt_embeds"]
        ),
        cache_config=SimpleNamespace(kv_offloading_size=values["kv_offloading_size"]),
        kv_transfer_config=values["kv_transfer_config"],
        ec_transfer_config=values["ec_transfer_config"],
        speculative_config=values["speculative_config"],
        compilation_config=SimpleNamespace(cudagraph_mm_encoder=values["cudagraph_mm_encoder"]),
    )
