"""``--model vllm_bapa`` gives the prompts, replies and margins of ``--model hf_bapa``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from loguru import logger

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.messages import encode
from lmms_bapa.harness.options import build_interventions
from lmms_bapa.harness.presets import __getattr__ as adapter_class
from lmms_bapa.harness.vllm.adapter import VLLMBapa
from lmms_bapa.interventions import AGCI, BaPA
from tests.harness_runs import command_line, evaluate, requests_for
from tests.picture_questions import picture

from .adapters import BOTH, SHORT, Noted, asked, documents, equal, loaded
from .checkpoints import FAMILIES

SETTINGS: dict[str, dict[str, Any]] = {
    "off": {},
    "bapa": {"bapa": True},
    "agci": {"agci_lambda": 0.3},
    "both": {"bapa": True, "agci_lambda": 0.3},
}


@pytest.fixture(scope="module")
def micro() -> Iterator[dict[str, Any]]:
    pair = {name: loaded(name, "micro-llava") for name in BOTH}
    yield pair
    for adapter in pair.values():
        adapter.release()


def run(adapter: Any, task: str, limit: int) -> tuple[dict[Any, Any], dict[str, Any]]:
    adapter.journal = Noted()
    results = evaluate(adapter, [task], limit=limit, log_samples=True)
    return adapter.journal.found, results["results"][task]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_task_of_ours_has_the_same_answers_and_figures(micro: Any, setting: str) -> None:
    found = {}
    for name, adapter in micro.items():
        adapter.steer(*build_interventions(SETTINGS[setting]))
        found[name] = run(adapter, "spatial_probe_lite", 90)
    (one, mine), (other, theirs) = (found[name] for name in BOTH)
    assert len(one) == 90
    equal(one, other)
    assert all(math.isfinite(margin) for _, margin, _ in other.values())
    assert mine == theirs


def test_bapa_changes_the_same_answers_where_the_place_is_the_question() -> None:
    task, found = "spatial_relation_probe_lite", {}
    for name in BOTH:
        adapter = loaded(name, "micro-llava-relations")
        adapter.steer(BaPA())
        found[name] = run(adapter, task, 96)
        if name == "hf_bapa":
            adapter.steer()
            stock, figures = run(adapter, task, 96)
        adapter.release()
    (one, mine), (other, theirs) = (found[name] for name in BOTH)
    assert len(one) == 96
    equal(one, other)
    assert mine == theirs != figures
    assert [text for text, *_ in one.values()] != [text for text, *_ in stock.values()]


@pytest.mark.parametrize(
    "generation",
    [
        {},
        {"repetition_penalty": 1.9},
        {"min_new_tokens": 4},
        {"until": ["o"]},
        {"until": [" "], "max_new_tokens": 3},
        {"temperature": 0, "top_p": None, "num_beams": 1, "do_sample": False},
        {"eos_token_id": 5, "max_new_tokens": 2},
        {"suppress_tokens": [14]},  # No
    ],
    ids=lambda x: str(x),
)
def test_generation_arguments_mean_the_same(micro: Any, generation: dict[str, Any]) -> None:
    for adapter in micro.values():
        adapter.steer(AGCI(0.3))
    docs = documents(**generation)
    one, other = (asked(micro[name], docs) for name in BOTH)
    assert len(one) == len(docs)
    equal(one, other)


def test_the_arguments_above_have_an_effect(micro: Any) -> None:
    """Otherwise equality would say nothing."""
    micro["vllm_bapa"].steer()
    plain = asked(micro["vllm_bapa"], documents())
    changes = ({"repetition_penalty": 1.9}, {"min_new_tokens": 4}, {"until": ["o"]})
    for changed in (*changes, {"suppress_tokens": [14]}):
        assert asked(micro["vllm_bapa"], documents(**changed)) != plain


def test_sampled_replies_follow_the_seed_and_have_no_margin(micro: Any) -> None:
    adapter = micro["vllm_bapa"]
    docs = documents(temperature=2.0, top_k=0, min_new_tokens=6)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(asked(adapter, docs))
    texts = [[text for text, _, _ in one.values()] for one in found]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    assert all(math.isnan(margin) for _, margin, _ in found[0].values())


def test_replies_that_the_engine_cuts_off_are_told(micro: Any) -> None:
    adapter = micro["vllm_bapa"]
    told: list[str] = []
    handler = logger.add(told.append, level="WARNING")
    docs = documents(min_new_tokens=600, max_new_tokens=600)
    found = asked(adapter, docs[:2])
    logger.remove(handler)
    assert max(tokens for _, _, tokens in found.values()) < 512
    assert any("2 replies were cut off where max_model_len=512 ends" in line for line in told)


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"images": [picture(0)] * 20, "text": "yes"}, "vLLM refuses a question: .*726"),
        ({"images": [], "text": "yes " * 900}, "a question has .* the model's limit is"),
        ({"images": [], "text": "<image> yes"}, "spells <image> out"),
        ({"images": [], "text": "x", "generation": {"num_beams": 2}}, "t: num_beams=2: vLLM has"),
    ],
)
def test_what_cannot_be_asked_is_refused(micro: Any, doc: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        asked(micro["vllm_bapa"], [doc])
    assert len(asked(micro["vllm_bapa"], documents())) == 4  # and nothing is left behind


def test_an_engine_starts_with_the_first_unknown_question_and_ends_with_its_setting() -> None:
    adapter: VLLMBapa = loaded("vllm_bapa", "micro-llava")
    docs = documents()
    adapter.steer(BaPA())
    assert adapter._running is None
    assert adapter.facts().dtype == "float32"
    asked(adapter, docs)
    known = adapter.journal.known
    first = adapter._running
    assert first is not None
    adapter.steer(BaPA())
    assert adapter._running is first
    adapter.check(AGCI(0.5))
    adapter.steer(AGCI(0.0), BaPA())  # the same in other words
    assert adapter._running is first
    adapter.steer()
    assert adapter._running is None
    adapter.journal = Noted(known)
    adapter.generate_until(requests_for(adapter, docs))
    assert adapter._running is None  # all of it was in the journal
    assert adapter.facts().engine["max_model_len"] == "512"
    asked(adapter, docs)
    assert adapter._running is not None
    adapter.release()
    assert adapter._running is None


def test_a_setting_that_vllm_cannot_have_is_refused_without_an_engine() -> None:
    adapter = loaded("vllm_bapa", "micro-llava")
    for options in ({"bapa": True, "bapa_strength": 0.5}, {"agci_lambda": 1, "agci_scope": "call"}):
        with pytest.raises(UsageError, match=r"or .*--model hf_bapa"):
            adapter.check(*build_interventions(options))
        with pytest.raises(UsageError, match=r"or .*--model hf_bapa"):
            adapter.steer(*build_interventions(options))
    assert adapter._running is None


def test_an_argument_that_does_not_go_with_an_intervention_is_refused_without_an_engine() -> None:
    drafts = {"speculative_config": '{"method": "ngram", "num_speculative_tokens": 2}'}
    adapter = loaded("vllm_bapa", "micro-llava", **drafts)
    with pytest.raises(UsageError, match="speculative_config: does not go with an intervention"):
        adapter.check(BaPA())
    with pytest.raises(UsageError, match="speculative_config: does not go with an intervention"):
        loaded("vllm_bapa", "micro-llava", bapa=True, **drafts)


def test_a_misspelt_argument_of_the_engine_is_told_by_its_own_list() -> None:
    with pytest.raises(UsageError, match="'max_num_seq': did you mean max_num_seqs"):
        adapter_class("vllm_bapa")(model="micro-llava", max_num_seq=3)


def test_a_switch_of_the_engine_is_on_or_off() -> None:
    with pytest.raises(UsageError, match="enforce_eager='no!': should be true or false"):
        adapter_class("vllm_bapa")(model="micro-llava", enforce_eager="no!")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"block_size": -3}, ""), ({"block_size": "many"}, "block_size: .*int")],
)
def test_what_the_engine_refuses_is_one_line(wrong: dict[str, Any], says: str) -> None:
    adapter = adapter_class("vllm_bapa")(model="micro-llava", **SHORT | wrong)
    with pytest.raises(UsageError, match=rf"vLLM cannot be started \({says}") as caught:
        asked(adapter, documents())
    assert "\n" not in str(caught.value)
    assert "validation error" not in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_prompts_and_replies_of_each_family_are_equal(family: str, tmp_path: Path) -> None:
    small = FAMILIES[family]
    folder = str(small.save(tmp_path))
    ours: VLLMBapa = loaded("vllm_bapa", folder)
    theirs: HFBapa = loaded("hf_bapa", folder, device="cpu")
    docs = [doc | {"text": "Is there a red star?"} for doc in documents()]
    for question in docs:
        question["images"] = question["images"][: small.facts.most]
    seen: list[list[int]] = []
    check = ours._rendering.check

    def noting(questions: Any, prompts: Any) -> None:
        seen.extend(list(prompt) for prompt in prompts)
        check(questions, prompts)

    ours._rendering.check = noting  # type: ignore[method-assign]
    found = asked(ours, docs)
    ours.release()
    wanted = []
    for request in requests_for(theirs, docs):
        conversation = request.args[1](docs[request.args[3]])
        wanted.append(encode(theirs.processor, [conversation])["input_ids"][0].tolist())
    assert sorted(seen) == sorted(wanted)
    if not small.unread:  # there the two back ends see other attention masks
        equal(asked(theirs, docs), found)
    theirs.release()


def test_options_of_the_processor_reach_the_engine(tmp_path: Path) -> None:
    folder = str(FAMILIES["qwen2_5_vl"].save(tmp_path))
    found, lengths = [], []
    for name in BOTH:
        adapter = loaded(name, folder, max_pixels=4000)
        found.append(asked(adapter, documents()))
        inputs = encode(
            adapter.processor, [requests_for(adapter, documents())[1].args[1](documents()[1])]
        )
        lengths.append(inputs["input_ids"].shape[1])
        adapter.release()
    equal(*found)
    whole = loaded("hf_bapa", folder)
    inputs = encode(whole.processor, [requests_for(whole, documents())[1].args[1](documents()[1])])
    assert lengths[0] == lengths[1] < inputs["input_ids"].shape[1]


def test_the_command_leaves_the_files_of_any_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = ",".join(f"{key}={str(value).lower()}" for key, value in SHORT.items())
    command_line(
        monkeypatch, "--model", "vllm_bapa", "--tasks", "spatial_probe_lite", "--limit", "18",
        "--model_args", f"model=micro-llava,bapa=true,{own}", "--batch_size", "6",
        "--log_samples", "--output_path", str(tmp_path),
    )  # fmt: skip
    (results,) = tmp_path.rglob("*_results.json")
    assert json.loads(results.read_text())["config"]["model"] == "vllm_bapa"
    (log,) = tmp_path.rglob("*_samples_*.jsonl")
    assert len(log.read_text().splitlines()) == 18
