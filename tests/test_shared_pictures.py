"""Sharing a picture between questions changes how often it is encoded, and nothing else."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import BatchFeature

from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.requests import fetch
from lmms_bapa.harness.shared_pictures import SharedPictures, encode_once
from lmms_bapa.interventions import AGCI, BaPA

from .harness_runs import adapter, requests_for

A, B, C = (Image.new("RGB", (50, 40), colour) for colour in ("red", "blue", "green"))


class Counting:
    """An image processor that knows how many pictures it was given."""

    size = 7

    def __init__(self, patches: int = 1) -> None:
        self.seen: list[int] = []
        self.patches = patches

    def __call__(self, images: Any) -> BatchFeature:
        flat = [i for row in images for i in (row if isinstance(row, list) else [row])]
        self.seen.append(len(flat))
        values = [float(sum(i.getpixel((0, 0)))) * 10 + i.getpixel((0, 0))[0] for i in flat]
        pixels = torch.tensor(values).repeat_interleave(self.patches)[:, None]
        return BatchFeature({"pixel_values": pixels})


@pytest.mark.parametrize("images", [[A, A, B, A], [[A], [A], [B], [A]], [A, B, C], [A], []])
def test_outputs_equal_the_stock_image_processors(images: Any) -> None:
    stock, shared = Counting(), SharedPictures(Counting())
    want, got = stock(images)["pixel_values"], shared(images)["pixel_values"]
    assert torch.equal(got, want)
    assert shared.size == 7


def test_it_can_be_copied() -> None:
    again = copy.deepcopy(SharedPictures(Counting()))
    assert again.size == 7
    assert again([A, A])["pixel_values"].shape == (2, 1)


def test_a_repeated_picture_is_processed_once() -> None:
    stock = Counting()
    shared = SharedPictures(stock)
    shared([A, A, B, A])
    assert stock.seen == [2]
    assert shared.take_repeats().tolist() == [0, 0, 1, 0]
    assert shared.take_repeats() is None
    shared([A, B])
    assert shared.take_repeats() is None


@pytest.mark.parametrize(
    ("images", "patches"), [([A, A, B], 3), ([[A, B], [A, B], [C, A]], 1)], ids=["patches", "rows"]
)
def test_other_layouts_take_the_stock_way(images: Any, patches: int) -> None:
    stock = Counting(patches)
    shared = SharedPictures(stock)
    assert torch.equal(shared(images)["pixel_values"], Counting(patches)(images)["pixel_values"])
    assert shared.take_repeats() is None


def test_logits_are_the_same_with_the_tower_run_once_a_picture() -> None:
    model = adapter(batch_size=4, bapa=True, agci_lambda=0.3)
    message = [
        {"role": "user", "content": [{"type": "image", "url": i}, {"type": "text", "text": "red"}]}
        for i in (A, B, A, B)
    ]
    from lmms_bapa.harness.messages import encode

    inputs = dict(encode(model.processor, [[m] for m in message]))
    repeats = model.processor.image_processor.take_repeats()
    assert repeats.tolist() == [0, 1, 0, 1]
    towers: list[int] = []
    handle = model.model.model.vision_tower.register_forward_hook(
        lambda _, args, kwargs, __: towers.append(len((args or list(kwargs.values()))[0])),
        with_kwargs=True,
    )
    arguments = {"max_new_tokens": 2, "output_logits": True, "return_dict_in_generate": True}
    plain = model.model.generate(**inputs, **arguments)
    once = model.model.generate(**encode_once(model.model, inputs, repeats), **arguments)
    handle.remove()
    # Old versions of generate take pixels only.
    encodes_first = "mm_encoder_outputs" in inspect.signature(model.model.forward).parameters
    assert towers == [4, 2 if encodes_first else 4]
    for a, b in zip(plain.logits, once.logits, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_a_family_without_a_row_is_encoded_by_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_bapa.steering import ARCHITECTURES

    model = adapter()
    tensors = {"pixel_values": torch.zeros(2, 3, 96, 96)}
    monkeypatch.delitem(ARCHITECTURES, "llava")
    assert encode_once(model.model, tensors, torch.tensor([0, 0])) is tensors


def test_replies_do_not_depend_on_who_shares_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmms_bapa.harness.asking.EMBEDDED", {})
    model = adapter(batch_size=8)
    texts = ["red star", "blue cup", "red star blue", "key"]
    docs = [{"images": [p], "text": t} for p in (A, B) for t in texts]
    copies = [{"images": [d["images"][0].copy()], "text": d["text"]} for d in docs]
    for setting in ([], [BaPA(), AGCI(0.3)]):
        model.steer(*setting)
        shared = [r.text for r in model.generate_until(requests_for(model, docs))]
        apart = [r.text for r in model.generate_until(requests_for(model, copies))]
        assert shared == apart


def test_documents_are_fetched_from_tables_and_lists_alike() -> None:
    import datasets

    rows = [{"x": i, "y": str(i)} for i in range(5)]
    table = datasets.Dataset.from_list(rows)
    tasks: dict[str, Any] = {"t": {"test": table}, "l": {"test": rows}}
    keys = [("t", "test", 3), ("l", "test", 1), ("t", "test", 0), ("t", "test", 3)]
    assert fetch(tasks, keys) == [rows[3], rows[1], rows[0], rows[3]]


def test_the_adapter_shares_by_default() -> None:
    assert isinstance(HFBapa(pretrained="micro-llava").processor.image_processor, SharedPictures)
