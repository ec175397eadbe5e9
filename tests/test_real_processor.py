"""A whole Qwen2.5-VL checkpoint, small and random, reloaded from disk and run by the adapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.loading import load_model
from lmms_bapa.harness.messages import encode
from lmms_bapa.harness.options import LoadOptions
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.shared_pictures import share_pictures
from lmms_bapa.interventions import AGCI, BaPA

from .checkpoints import SAVED
from .harness_runs import evaluate, lmms_eval, replies, requests_for

SETTINGS = {
    "off": [],
    "BaPA": [BaPA()],
    "centred": [BaPA(anchor="center")],
    "AGCI": [AGCI(4.0)],
    "both": [BaPA(0.5), AGCI(0.5)],
}


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> HFBapa:
    folder = SAVED["qwen2_5_vl"].save("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))
    model = HFBapa(pretrained=str(folder), device="cpu", batch_size=4)
    model.keep_loaded = True
    assert model.tokenizer.padding_side == "left"  # the right was saved
    return model


def picture(i: int) -> Image.Image:
    image = Image.new("RGB", (160 + 60 * (i % 3), 150 + 40 * (i % 4)), "white")
    ImageDraw.Draw(image).ellipse((15 + 9 * i, 15, 120, 140), fill=(37 * i % 256, 80, 200 - 9 * i))
    return image


def documents() -> list[dict[str, Any]]:
    """Text alone, one picture, two pictures; sizes and lengths differ."""
    texts = ["Is there a red star?", "Answer Yes or No.", "red"]
    pictures = [[], [0], [1, 2], [3], [4, 4], [5], [], [6], [7]]
    return [
        {
            "images": [picture(j) for j in numbers],
            "text": texts[i % 3] * (1 + i % 2),
            "generation": {"max_new_tokens": 6},
        }
        for i, numbers in enumerate(pictures)
    ]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_row_in_a_batch_gets_the_reply_it_gets_alone(qwen: HFBapa, setting: str) -> None:
    qwen.steer(*SETTINGS[setting])
    docs = documents()
    alone = [qwen.generate_until(requests_for(qwen, [doc]))[0].text for doc in docs]
    together = [r.text for r in qwen.generate_until(requests_for(qwen, docs))]
    assert together == alone
    assert len(set(alone)) >= 4  # so that a mix-up would show


def test_interventions_change_replies_about_pictures_and_no_others(qwen: HFBapa) -> None:
    docs = documents()
    found = {}
    for name, interventions in SETTINGS.items():
        qwen.steer(*interventions)
        found[name] = [r.text for r in qwen.generate_until(requests_for(qwen, docs))]
    for name in ("BaPA", "AGCI", "both"):
        changed = [a != b for a, b in zip(found["off"], found[name], strict=True)]
        assert any(changed), name
        assert not changed[0], name  # text alone
        assert not changed[6], name


def test_the_probe_runs_through_the_harness(qwen: HFBapa) -> None:
    qwen.steer(BaPA(), AGCI(0.3))
    results = evaluate(qwen, ["spatial_probe_lite"], limit=18, log_samples=True)
    assert len(replies(results, "spatial_probe_lite")) == 18
    assert results["results"]["spatial_probe_lite"]["unparsed,none"] > 0  # it was never trained


def test_the_users_command_runs_it_by_its_named_adapter(qwen: HFBapa, tmp_path: Path) -> None:
    """In a process of its own, with the same replies."""
    qwen.steer(BaPA(), AGCI(0.3))
    here = replies(
        evaluate(qwen, ["spatial_probe_lite"], limit=18, log_samples=True), "spatial_probe_lite"
    )
    done = lmms_eval(
        "--model", "qwen2_5_vl_bapa",
        "--model_args",
        f"pretrained={qwen.options.pretrained},device=cpu,bapa=true,agci_lambda=0.3,"
        "min_pixels=4096,max_pixels=25600",
        "--tasks", "spatial_probe_lite",
        "--batch_size", "4",
        "--limit", "18",
        "--output_path", str(tmp_path),
        "--log_samples",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(qwen2_5_vl, float32, cpu, batch 4)" in done.stdout + done.stderr
    (samples,) = tmp_path.rglob("*_samples_spatial_probe_lite.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    # The harness writes a single reply without its list, and stripped.
    there = {line["doc_id"]: line["filtered_resps"] for line in lines}
    assert there == {number: text.strip() for number, text in here.items()}


@pytest.mark.parametrize(("asked", "got"), [("auto", "float32"), ("bfloat16", "bfloat16")])
def test_a_half_precision_checkpoint_runs_in_fp32_on_a_cpu_unless_told(
    qwen: HFBapa, tmp_path: Path, asked: str, got: str
) -> None:
    from transformers import AutoModelForImageTextToText

    half = AutoModelForImageTextToText.from_pretrained(qwen.options.pretrained, dtype="float16")
    half.save_pretrained(tmp_path)
    qwen.processor.image_processor = qwen.processor.image_processor._stock
    qwen.processor.save_pretrained(tmp_path)
    share_pictures(qwen.processor)
    options = LoadOptions(pretrained=str(tmp_path), dtype=asked)
    model, _ = load_model(options, Preset(), torch.device("cpu"), is_steered=True)
    assert model.dtype == getattr(torch, got)


class EchoingProcessor:
    """Stands for a checkpoint's processor and gives back the pictures as it was handed them."""

    class tokenizer:
        bos_token = None

    def apply_chat_template(self, messages: Any, **_: Any) -> str:
        return str(len(messages))

    def __call__(self, images: Any, **_: Any) -> Any:
        return images


@pytest.mark.parametrize(
    ("rows", "handed"),
    [
        ([[0], [1, 2]], [[0], [1, 2]]),  # Gemma 3 and Idefics want a list a row
        ([[0], [], [1]], [0, 1]),  # and none of them an empty one
        ([[], []], None),
    ],
)
def test_pictures_are_nested_by_row_where_every_row_has_one(rows: Any, handed: Any) -> None:
    pictures = [picture(i) for i in range(3)]
    conversations = [
        [{"role": "user", "content": [{"type": "image", "url": pictures[i]} for i in row]}]
        for row in rows
    ]
    got = encode(EchoingProcessor(), conversations)

    def numbers(images: Any) -> Any:
        if isinstance(images, list):
            return [numbers(i) for i in images]
        return images if images is None else pictures.index(images)

    assert numbers(got) == handed
