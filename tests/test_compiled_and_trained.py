"""Static caches, compiled models, gradients, LoRA, and weights that are kept elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from transformers import CompileConfig

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.interventions.agci import inject_global_context
from lmms_bapa.steering import SteeringError, intervene

from .harness_runs import evaluate, replies
from .steering_tools import assert_same, generate, logits
from .tiny import TINY, Tiny

KINDS = ["llava", "qwen2_5_vl", "gemma3"]
BOTH = (BaPA(), AGCI(0.3))


@pytest.fixture(params=KINDS)
def tiny(request: pytest.FixtureRequest) -> tuple[Tiny, Any]:
    return TINY[request.param], TINY[request.param].build(request.param)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    yield
    torch.compiler.reset()


def steps(model: Any, batch: dict[str, Any], **kwargs: Any) -> torch.Tensor:
    return torch.stack(generate(model, batch, **kwargs).logits, dim=1)


def test_a_static_cache_gives_the_same_logits(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([[4, "a", 5], ["b", 7]])
    with intervene(model, *BOTH):
        assert_same(steps(model, batch, cache_implementation="static"), steps(model, batch))


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
def test_compiled_decoding_gives_the_same_logits(kind: str, fresh_compiler: None) -> None:
    spec, model = TINY[kind], TINY[kind].build(kind)
    batch = spec.inputs([[4, "a", 5], ["b", 7]])
    config = CompileConfig(backend="eager", fullgraph=False)
    config._compile_all_devices = True  # else only an accelerator's decoding is compiled
    compiled = {"cache_implementation": "static", "compile_config": config}
    stock = steps(model, batch)
    with intervene(model, *BOTH):
        steered = steps(model, batch)
    assert_same(steps(model, batch, **compiled), stock)
    with intervene(model, *BOTH):
        assert_same(steps(model, batch, **compiled), steered)
    assert_same(steps(model, batch, **compiled), stock)


def test_a_compiled_model_notices_that_steering_came_and_went(fresh_compiler: None) -> None:
    spec, model = TINY["llava"], TINY["llava"].build("llava")
    batch = spec.inputs([[4, "a", 5]])
    stock = logits(model, batch)
    with intervene(model, *BOTH):
        steered = logits(model, batch)
    compiled = torch.compile(model, backend="eager")
    assert_same(logits(compiled, batch), stock)
    with intervene(model, *BOTH):
        assert_same(logits(compiled, batch), steered)
    assert_same(logits(compiled, batch), stock)


@pytest.mark.parametrize("kind", [*KINDS, "internvl"])
@pytest.mark.parametrize("offload_first", [True, False])
def test_weights_that_are_offloaded(kind: str, offload_first: bool) -> None:
    """Accelerate copies encoded pictures on their way, and what is known of them with it."""
    spec, model = TINY[kind], TINY[kind].build(kind)
    batch = spec.inputs([[4, "a", 5], [2, "b", 1, "a", 7]])
    with intervene(model, *BOTH):
        want = steps(model, batch)
    if offload_first:
        cpu_offload(model, execution_device=torch.device("cpu"))
        with intervene(model, *BOTH):
            got = steps(model, batch)
    else:
        with intervene(model, *BOTH):
            cpu_offload(model, execution_device=torch.device("cpu"))
            got = steps(model, batch)
    assert torch.equal(got, want)
    with intervene(model, *BOTH), pytest.raises((SteeringError, ValueError), match=r"chunk|match"):
        steps(model, batch, prefill_chunk_size=9)
    with intervene(model, *BOTH):
        steps(model, batch, num_beams=2)


def test_agci_has_the_gradient_of_its_formula() -> None:
    g = torch.Generator().manual_seed(0)
    v = torch.randn(5, 3, generator=g, requires_grad=True)
    segment = torch.tensor([1, 1, 2, 2, 2])
    out = inject_global_context(v, segment, 0.7)
    weight = torch.randn(5, 3, generator=g)
    (got,) = torch.autograd.grad((out * weight).sum(), v)
    want = torch.zeros_like(v)
    for i in range(5):  # central differences
        for j in range(3):
            ends = []
            for sign in (1, -1):
                moved = v.detach().double().clone()
                moved[i, j] += sign * 1e-3
                ends.append((inject_global_context(moved.float(), segment, 0.7) * weight).sum())
            want[i, j] = (ends[0] - ends[1]) / 2e-3
    torch.testing.assert_close(got, want, atol=5e-3, rtol=5e-3)


def test_a_lora_step_learns_through_both_interventions(tiny: tuple[Tiny, Any]) -> None:
    from peft import LoraConfig, get_peft_model

    spec, model = tiny
    batch = spec.inputs([[4, "a", 5], [3, "b", 6]])
    labels = batch["input_ids"].clone()
    labels[labels >= 90] = -100
    peft = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    lora = [p for name, p in peft.named_parameters() if "lora_" in name]

    def gradients(*methods: Any) -> list[torch.Tensor]:
        peft.zero_grad()
        with intervene(peft, *methods):
            loss = peft(**copy.deepcopy(batch), labels=labels).loss
            loss.backward()  # inside, as a training step is
        return [p.grad.clone() for p in lora if p.grad is not None]

    stock, moved, injected = gradients(), gradients(BaPA()), gradients(AGCI(0.3))
    for steered in (moved, injected):
        assert len(steered) == len(stock)
        assert all(torch.isfinite(g).all() for g in steered)
        assert any(not torch.allclose(a, b) for a, b in zip(stock, steered, strict=True))

    optimizer = torch.optim.SGD(lora, lr=0.05)
    losses = []
    with intervene(peft, *BOTH):
        for _ in range(4):
            optimizer.zero_grad()
            loss = peft(**copy.deepcopy(batch), labels=labels).loss
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_gradient_checkpointing_changes_nothing(tiny: tuple[Tiny, Any]) -> None:
    spec, model = tiny
    batch = spec.inputs([[4, "a", 5]])
    model.train()

    def gradient() -> torch.Tensor:
        model.zero_grad()
        with intervene(model, *BOTH):
            model(**copy.deepcopy(batch), labels=batch["input_ids"]).loss.backward()
        grads = [p.grad for p in model.get_decoder().parameters() if p.grad is not None]
        return torch.cat([g.flatten() for g in grads])

    want = gradient()
    model.gradient_checkpointing_enable()
    torch.testing.assert_close(gradient(), want, atol=1e-6, rtol=1e-5)


@pytest.fixture(scope="module")
def lora_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of micro-llava with weights that matter."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    base = HFBapa(pretrained="micro-llava", device="cpu").model
    peft = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, p in peft.named_parameters():
            if "lora_B" in name:
                p.normal_(0, 0.3)
    folder = tmp_path_factory.mktemp("lora")
    peft.save_pretrained(folder)
    return folder


def test_a_peft_adapter_is_loaded_on_top(lora_folder: Path) -> None:
    from peft import PeftModel

    tuned = HFBapa(pretrained="micro-llava", device="cpu", peft=str(lora_folder), bapa=True)
    stock = HFBapa(pretrained="micro-llava", device="cpu")
    ids = {"input_ids": torch.arange(5, 15)[None]}
    plain = PeftModel.from_pretrained(stock.model, str(lora_folder))
    assert torch.equal(logits(tuned.model, ids), logits(plain, ids))
    with plain.disable_adapter():
        assert not torch.equal(logits(tuned.model, ids), logits(plain, ids))


def test_a_peft_adapter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"peft=.*cannot be loaded"):
        HFBapa(pretrained="micro-llava", device="cpu", peft=str(tmp_path))


@pytest.mark.parametrize("bits", ["load_in_8bit", "load_in_4bit"])
def test_quantization_without_its_package(bits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=f"{bits} needs the package bitsandbytes"):
        HFBapa(pretrained="micro-llava", device="cpu", **{bits: True})


def test_two_quantizations_are_refused() -> None:
    with pytest.raises(UsageError, match="one of load_in_8bit and load_in_4bit"):
        HFBapa(pretrained="micro-llava", load_in_8bit=True, load_in_4bit=True)


def test_automatic_device_map_gives_the_same_answers() -> None:
    task, common = "spatial_probe_lite", {"pretrained": "micro-llava", "bapa": True}
    plain = HFBapa(**common, device="cpu", batch_size=6)
    mapped = HFBapa(**common, device_map="auto", dtype="float32", batch_size=6)
    a, b = (replies(evaluate(model, [task], limit=18), task) for model in (plain, mapped))
    assert a == b
