"""The margin is what the model itself says of Yes and No, and looking at it changes nothing."""

from __future__ import annotations

import copy
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from lmms_eval.api.instance import GenerationResult
from lmms_eval.api.reasoning import strip_reasoning_tags
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LogitsProcessorList, PreTrainedTokenizerFast

from lmms_bapa.harness import captioned_task, probe_task, relation_task
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.margins import FirstLook, YesNo
from lmms_bapa.harness.messages import encode
from lmms_bapa.harness.reply import Reply, margin_of
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.questions import PROMPT, ProbeSpec, plan

from .harness_runs import TASK, Puppet, adapter, command_line, evaluate, requests_for

QUESTIONS = list(plan(ProbeSpec(groups=1, seed=3)))[:8]
DOCS = [{"images": [canvas_of(q)], "text": PROMPT.format(caption=q["caption"])} for q in QUESTIONS]


def margins(model: HFBapa, docs: list[dict[str, Any]]) -> list[float]:
    return [reply.text.margin for reply in model.generate_until(requests_for(model, docs))]


def by_hand(model: HFBapa, doc: dict[str, Any]) -> float:
    """A plain forward pass of the whole prompt, and the two words by their own ids."""
    content = [
        {"type": "image", "url": doc["images"][0]},
        {"type": "text", "text": doc["text"]},
    ]
    inputs = encode(model.processor, [[{"role": "user", "content": content}]])
    with torch.inference_mode():
        logits = model.model(**inputs).logits[0, -1]
    yes, no = (model.tokenizer.convert_tokens_to_ids(word) for word in ("Yes", "No"))
    logs = torch.log_softmax(logits.double(), dim=-1)
    return float(logs[yes] - logs[no])


@pytest.mark.parametrize("setting", [[], [BaPA(), AGCI(0.5)]], ids=["off", "both"])
def test_margins_equal_an_independent_forward_pass_alone_and_in_a_batch(setting: Any) -> None:
    model = adapter(batch_size=4)
    model.steer(*setting)
    want = [by_hand(model, doc) for doc in DOCS]
    assert margins(model, DOCS) == pytest.approx(want, abs=1e-3)
    assert [margins(model, [doc])[0] for doc in DOCS[:3]] == pytest.approx(want[:3], abs=1e-3)
    assert len({round(m, 3) for m in want}) > 4


def test_the_answer_is_yes_where_the_margin_is_positive() -> None:
    model = adapter(batch_size=4)
    replies = [r.text for r in model.generate_until(requests_for(model, DOCS))]
    assert {str(reply) for reply in replies} == {"Yes", "No"}
    assert [reply == "Yes" for reply in replies] == [reply.margin > 0 for reply in replies]


def test_looking_leaves_every_score_as_it_is() -> None:
    model = adapter()
    content = [{"type": "image", "url": DOCS[0]["images"][0]}, {"type": "text", "text": "a b"}]
    inputs = encode(model.processor, [[{"role": "user", "content": content}]])
    words = YesNo.of(model.tokenizer)
    assert words is not None
    look = FirstLook(words)
    options = {"max_new_tokens": 4, "output_scores": True, "return_dict_in_generate": True}
    plain = model.model.generate(**inputs, **options)
    seen = model.model.generate(**inputs, **options, logits_processor=LogitsProcessorList([look]))
    assert torch.equal(plain.sequences, seen.sequences)
    assert all(map(torch.equal, plain.scores, seen.scores))
    assert look.found is not None
    first = plain.scores[0].double()
    want = torch.logsumexp(first[:, words.yes], 1) - torch.logsumexp(first[:, words.no], 1)
    torch.testing.assert_close(look.found.double(), want, atol=1e-4, rtol=0)


def test_several_spellings_add_up() -> None:
    scores = torch.log(torch.tensor([[0.1, 0.3, 0.15, 0.05, 0.4], [0.0, 0.0, 0.5, 0.5, 0.0]]))
    found = YesNo(yes=(0, 1), no=(2, 3)).margins(scores)
    assert found[0].item() == pytest.approx(math.log(0.4 / 0.2))
    assert found[1].item() == -math.inf


def test_there_is_none_without_greedy_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmms_bapa.harness.asking.EMBEDDED", {})
    model = adapter(batch_size=2)
    for generation in (
        {"max_new_tokens": 2, "temperature": 0.7},
        {"max_new_tokens": 2, "num_beams": 2},
    ):
        docs = [doc | {"generation": generation} for doc in DOCS[:2]]
        assert all(map(math.isnan, margins(model, docs)))
    model.model.generation_config.num_beams = 2
    assert all(map(math.isnan, margins(model, DOCS[:2])))


def words_tokenizer(*words: str) -> PreTrainedTokenizerFast:
    """A vocabulary of whole words, blanks belonging to them."""
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(("?", *words))}, "?"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?")


def pieces_tokenizer(*merges: tuple[str, str]) -> PreTrainedTokenizerFast:
    """Letters, and what they merge to."""
    tokens = list(dict.fromkeys([*" YyEeSsNnOo", *("".join(pair) for pair in merges)]))
    made = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, list(merges)))
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made)


def texts(tokenizer: Any, ids: tuple[int, ...]) -> set[str]:
    return set(tokenizer.convert_ids_to_tokens(list(ids)))


def test_all_spellings_of_the_two_words_count_and_no_other_word() -> None:
    tokenizer = words_tokenizer("Yes", " Yes", "yes", "YES", "No", " no", "Yesterday", "Not", "y")
    found = YesNo.of(tokenizer)
    assert found is not None
    assert texts(tokenizer, found.yes) == {"Yes", " Yes", "yes", "YES"}
    assert texts(tokenizer, found.no) == {"No", " no"}


def test_first_pieces_count_where_a_word_is_none() -> None:
    tokenizer = pieces_tokenizer(("Y", "e"), ("N", "o"))
    found = YesNo.of(tokenizer)
    assert found is not None
    # A blank begins both words, so it tells nothing.
    assert texts(tokenizer, found.yes) == {"Ye", "Y", "y"}
    assert texts(tokenizer, found.no) == {"No", "N", "n"}


def test_there_is_none_if_the_first_token_does_not_tell() -> None:
    assert YesNo.of(words_tokenizer("Yes")) is None
    assert YesNo.of(words_tokenizer("maybe")) is None


def test_a_reply_is_its_text_and_keeps_its_margin_on_the_way_through_the_harness() -> None:
    reply = Reply(" Yes ", 1.5)
    for same in (pickle.loads(pickle.dumps(reply)), copy.deepcopy(reply)):  # noqa: S301
        assert (same, same.margin) == (" Yes ", 1.5)
    assert json.dumps([reply]) == '[" Yes "]'
    tags = [["<think>", "</think>"]]
    stripped = strip_reasoning_tags(reply, tags)
    assert (stripped, margin_of(stripped)) == ("Yes", 1.5)
    # The first token of thoughts says nothing of the answer behind them.
    assert margin_of(strip_reasoning_tags(Reply("<think>x</think>Yes", 1.5), tags)) is None
    assert margin_of(Reply("Yes")) is None
    assert margin_of("Yes") is None


def log_of(folder: Path) -> list[dict[str, Any]]:
    file = next(folder.rglob(f"*_samples_{TASK}.jsonl"))
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_command_line_logs_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command_line(
        monkeypatch, "--model", "llava_bapa", "--model_args", "pretrained=micro-llava,device=cpu",
        "--tasks", TASK, "--limit", "18", "--batch_size", "18", "--log_samples",
        "--output_path", str(tmp_path),
    )  # fmt: skip
    samples = log_of(tmp_path)
    assert len(samples) == 18
    for sample in samples:
        assert (sample["margin"] > 0) == (sample["said"] == "yes")
        assert sample["accuracy"]["margin"] == sample["cell_std"]["margin"] == sample["margin"]
    model = adapter(batch_size=18)
    docs = [
        {"images": [canvas_of(q)], "text": PROMPT.format(caption=q["caption"])}
        for q in list(plan(ProbeSpec(groups=1)))[:1]
    ]
    assert samples[0]["margin"] == pytest.approx(by_hand(model, docs[0]), abs=1e-3)


def test_a_model_without_margins_has_none_in_its_records() -> None:
    results = evaluate(Puppet(lambda _: "Yes"), [TASK], limit=18, log_samples=True)
    assert [s["margin"] for s in results["samples"][TASK]] == [None] * 18


RELATION = {
    "group": 0, "pair": 0, "relation": "left", "distance": 1, "answer": "Yes",
    "question_id": "q", "subject": "a", "reference": "b",
}  # fmt: skip
CAPTIONED = {
    "group": 0, "cell": 1, "rows": 3, "asked": "key", "answer": "Yes", "question_id": "q",
    "caption": "c",
}  # fmt: skip


@pytest.mark.parametrize(
    ("process", "doc"),
    [
        (relation_task.process_results, RELATION),
        (captioned_task.process_results, CAPTIONED),
        (probe_task.process_results, QUESTIONS[0]),
    ],
    ids=["relation", "captioned", "spatial"],
)
def test_every_probe_records_the_margin(process: Any, doc: dict[str, Any]) -> None:
    for given, want in ((Reply("Yes", -0.25), -0.25), ("Yes", None), (Reply("Yes"), None)):
        found = process(doc, [given])
        assert found["margin"] == found["accuracy"]["margin"] == found["yes_rate"]["margin"] == want
        assert found["said"] == "yes"


def test_a_result_of_the_harness_holds_the_reply() -> None:
    model = adapter(batch_size=1)
    [result] = model.generate_until(requests_for(model, DOCS[:1]))
    assert isinstance(result, GenerationResult)
    assert result.token_counts is not None
    assert type(result.text) is Reply
