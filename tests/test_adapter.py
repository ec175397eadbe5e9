"""The adapter on the embedded model, inside the harness."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.asking import failed
from lmms_bapa.harness.messages import as_rgb, encode
from lmms_bapa.harness.requests import cut_at, generation_settings
from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.questions import PROMPT, ProbeSpec, plan

from .harness_runs import LIMIT, adapter, answers, requests_for


@pytest.mark.parametrize("setting", [{}, {"bapa": True, "agci_lambda": 0.3}], ids=str)
def test_replies_do_not_depend_on_the_batch_size(setting: dict[str, Any]) -> None:
    alone = answers(adapter(batch_size=1, **setting))
    assert answers(adapter(batch_size=8, **setting)) == alone
    assert len(alone) == LIMIT
    assert set(alone.values()) == {"Yes", "No"}


def test_replies_equal_those_of_the_stock_adapter() -> None:
    pytest.importorskip("decord", reason="the harness's llava_hf adapter imports it")
    from lmms_bapa.embedded import embedded_path

    args = f"pretrained={embedded_path('micro-llava')},device=cpu,device_map=cpu,dtype=float32"
    stock = answers("llava_hf", model_args=args)
    assert answers(adapter(batch_size=8)) == stock
    assert set(stock.values()) == {"Yes", "No"}


def test_switched_off_equals_never_switched_on() -> None:
    model = adapter(batch_size=18)
    model.keep_loaded = True
    before = answers(model)
    model.steer(BaPA())
    steered = answers(model)
    model.steer()
    assert answers(model) == before
    assert steered != before
    assert steered == answers(adapter(batch_size=18, bapa=True))


def test_the_model_is_freed_after_the_last_answer_unless_it_is_kept() -> None:
    model = adapter(batch_size=18, bapa=True)
    answers(model, limit=18)
    assert not hasattr(model, "model")
    assert model.interventions == (BaPA(),)


def test_two_strengths_never_share_a_cached_answer(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counting(HFBapa):
        def generate_until(self, requests: Any) -> Any:
            asked.append(len(requests))
            return super().generate_until(requests)

    presets.counting = Counting  # type: ignore[attr-defined]
    from lmms_eval.models import MODEL_REGISTRY_V2
    from lmms_eval.models.registry_v2 import ModelManifest

    path = "lmms_bapa.harness.presets.counting"
    MODEL_REGISTRY_V2.register_manifest(
        ModelManifest("counting", chat_class_path=path), overwrite=True
    )
    base = "pretrained=micro-llava,device=cpu"

    def run(args: str) -> tuple[dict[int, str], int]:
        asked.clear()
        found = answers(
            "counting", limit=18, model_args=args, use_cache=str(tmp_path), batch_size=18
        )
        return found, sum(asked)

    first, n_first = run(f"{base},bapa=true")
    assert n_first == 18
    assert run(f"{base},bapa=true,bapa_strength=0.25")[1] == 18
    assert run(f"bapa=true,{base}") == (first, 0)
    assert run(f"{base},agci_lambda=0.1")[1] == 18
    assert run(f"{base},agci_lambda=0.5")[1] == 18
    assert run(base)[1] == 18
    del presets.counting  # type: ignore[attr-defined]


def test_a_live_model_says_its_settings_in_its_text() -> None:
    model = adapter()
    assert "no intervention" in repr(model)
    model.steer(AGCI(0.3))
    assert "AGCI(lambda_=0.3" in repr(model)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> HFBapa:
    """The embedded weights as if they were anybody's checkpoint: no limits on the questions."""
    monkeypatch.setattr("lmms_bapa.harness.asking.EMBEDDED", {})
    return adapter(batch_size=4, bapa=True)


def test_any_mix_of_questions_gets_its_own_reply_in_order(free: HFBapa) -> None:
    """None, one or two pictures, different sizes and generation arguments, shuffled."""
    docs = []
    for i, question in enumerate(plan(ProbeSpec(groups=1, seed=1))):
        text = PROMPT.format(caption=question["caption"])
        canvas = canvas_of(question).resize((840 - 20 * i, 840 - 20 * i))
        # A reply that ends before its second letter tells which arguments it was made with.
        generation = {"max_new_tokens": 4, "until": ["e", "o"] if i % 4 < 2 else None}
        docs.append({"images": [canvas], "text": text, "generation": generation})
    docs[4]["images"] = []
    docs[9]["images"] = [docs[8]["images"][0], docs[2]["images"][0]]
    alone = [free.generate_until(requests_for(free, [doc]))[0].text for doc in docs]
    assert {"Yes", "No", "Y", "N"} <= set(alone)
    requests = requests_for(free, docs)
    for seed in range(3):
        order = random.Random(seed).sample(range(len(docs)), len(docs))
        together = free.generate_until([requests[i] for i in order])
        assert [r.text for r in together] == [alone[i] for i in order]
        assert all(r.token_counts.output_tokens >= 1 for r in together)


def test_an_error_in_generation_is_an_error(free: HFBapa, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(free.model, "generate", fail)
    docs = [{"images": [], "text": "red star"}]
    with pytest.raises(
        RuntimeError, match="generation failed on t, documents 0 to 0: no memory left"
    ):
        free.generate_until(requests_for(free, docs))


def test_an_error_while_a_picture_is_read_is_an_error(free: HFBapa) -> None:
    docs = [{"images": ["nowhere.png"], "text": "red star"}] * 6
    with pytest.raises(UsageError, match=r"picture of the task cannot be read: .*nowhere\.png"):
        free.generate_until(requests_for(free, docs))


def test_video_is_refused() -> None:
    message = [{"role": "user", "content": [{"type": "video", "url": "a.mp4"}]}]
    with pytest.raises(UsageError, match="still images"):
        encode(adapter().processor, [message])


def test_pictures_of_every_kind_become_rgb(tmp_path: Path) -> None:
    for mode in ("RGB", "RGBA", "L", "P"):
        assert as_rgb(Image.new(mode, (4, 4))).mode == "RGB"
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    assert as_rgb(str(tmp_path / "a.png")).mode == "RGB"


@pytest.mark.parametrize("template_writes_it", [True, False])
def test_there_is_one_first_token_whoever_writes_it(template_writes_it: bool) -> None:
    """LLaVA's tokenizer adds it, Gemma's chat template does too; nobody wants two."""
    from tokenizers.processors import TemplateProcessing

    processor = adapter().processor
    bos, number = processor.tokenizer.bos_token, processor.tokenizer.bos_token_id
    processor.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, number)]
    )
    assert processor.chat_template.startswith("{{- bos_token }}")
    if not template_writes_it:
        processor.chat_template = processor.chat_template.removeprefix("{{- bos_token }}")
    message = [{"role": "user", "content": [{"type": "text", "text": "red star"}]}]
    ids = encode(processor, [message])["input_ids"][0].tolist()
    assert ids[0] == number
    assert ids.count(number) == 1


@pytest.mark.parametrize(
    ("asked", "settings", "stops"),
    [
        ({}, {"do_sample": False, "max_new_tokens": 1024}, []),
        (
            {
                "until": ["\n\n"],
                "temperature": 0,
                "top_p": 0.9,
                "num_beams": 2,
                "max_new_tokens": 5,
            },
            {"do_sample": False, "max_new_tokens": 5, "num_beams": 2},
            ["\n\n"],
        ),
        (
            {"until": "###", "temperature": 0.7, "top_p": 0.9, "image_aspect_ratio": "pad"},
            {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "max_new_tokens": 1024},
            ["###"],
        ),
    ],
)
def test_generation_arguments(asked: Any, settings: Any, stops: Any) -> None:
    assert generation_settings(asked, 1024) == (settings, stops)


def test_a_reply_ends_at_the_first_stop_string() -> None:
    assert cut_at("one two\n\nthree # four", ["#", "\n\n"]) == "one two"
    assert cut_at("one", []) == "one"


def test_a_prompt_that_is_longer_than_the_model_can_take_is_refused(free: HFBapa) -> None:
    docs = [{"images": [], "text": "red star " * n} for n in (20, 300)]
    with pytest.raises(UsageError, match=r"a question has \d+ tokens .*the model's limit is 512"):
        free.generate_until(requests_for(free, docs))
    assert len(free.generate_until(requests_for(free, docs[:1]))) == 1


@pytest.mark.parametrize("given", ["gone.png", "x" * 5000, b"\x00", "nul\x00.png", 7.5])
def test_what_is_no_picture_is_one_short_line(given: Any) -> None:
    with pytest.raises(UsageError, match="a picture of the task cannot be read") as caught:
        as_rgb(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 180


def test_ctrl_c_that_a_failing_clean_up_hides_is_still_ctrl_c() -> None:
    """As vLLM 0.32 does it when it gives a tokenizer back that it had not got yet."""

    def interrupted() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("gave nothing back")

    with pytest.raises(ValueError, match="gave nothing back") as caught:
        interrupted()
    batch = [("", None, {}, 7, "a_task", "test")]
    with pytest.raises(KeyboardInterrupt):
        failed(batch, [0], caught.value)
    assert "a_task, documents 7 to 7: no" in str(failed(batch, [0], ValueError("no")))
