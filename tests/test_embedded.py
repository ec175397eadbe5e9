"""The embedded models keep their promises, and their training repeats itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator

from lmms_bapa.embedded import EMBEDDED, embedded_path
from lmms_bapa.embedded.card import CARD, FACTS, PROBE, WEIGHTS, render_card, sha256
from lmms_bapa.embedded.evaluate import encode, load, measure, reply
from lmms_bapa.embedded.language import build_processor, instructions, render
from lmms_bapa.embedded.lessons import absent_captions, ask, conjunction_tiles, draw_lesson
from lmms_bapa.embedded.network import build_network
from lmms_bapa.embedded.packing import Packer
from lmms_bapa.embedded.recipe import RELATION_MODELS, SKEWS, Architecture, Recipe
from lmms_bapa.embedded.train import main, train_all
from lmms_bapa.embedded.training import image_tokens
from lmms_bapa.probes.questions import PROMPT, ProbeSpec, plan
from lmms_bapa.probes.vocabulary import captions, split_caption

TINY = Recipe(
    drawings=1,
    perception_steps=3,
    perception_batch=2,
    answering_steps=3,
    answering_batch=4,
)

# name: (least balanced accuracy, least spread, largest spread), with slack for a small sample
TARGETS = {
    "micro-llava": (86, 6, 100),
    "micro-llava-start": (86, 6, 100),
    "micro-llava-uniform": (94, 0, 5),
    "micro-llava-relations": (92, 0, 10),
}


@pytest.fixture(scope="module", params=list(EMBEDDED))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name: str) -> Path:
    found = embedded_path(name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def loaded(folder: Path) -> tuple[Any, Any]:
    return load(folder)


def test_names_and_paths() -> None:
    assert set(SKEWS) == set(EMBEDDED) == set(TARGETS)
    assert embedded_path("llava-hf/llava-1.5-7b-hf") is None
    assert embedded_path("../weights/micro-llava") is None


def test_files_agree(name: str, folder: Path) -> None:
    facts = json.loads((folder / FACTS).read_text())
    card = (folder / CARD).read_text()
    probe = json.loads((folder / PROBE).read_text())
    assert set(facts["results"]) == {"random", "conjunction"}
    assert facts["name"] == name
    assert sha256(folder / WEIGHTS) == facts["sha256"]
    assert facts["sha256"] in card
    assert card == render_card(facts)
    assert "planted on purpose" in card
    assert {key: probe[key] for key in ("rows", "prompt", "captions")} == {
        "rows": 3,
        "prompt": PROMPT,
        "captions": captions(),
    }
    assert ("relations" in probe) == ("relations" in facts) == (name in RELATION_MODELS)
    assert facts["bytes"] < 3_000_000
    assert not list(folder.glob("*.bin")) + list(folder.glob("*.p*t"))


def test_no_prompt_has_an_unknown_word(loaded: tuple[Any, Any]) -> None:
    _, processor = loaded
    tokenizer = processor.tokenizer
    lengths = set()
    for caption in captions():
        ids = tokenizer(render(processor, caption))["input_ids"]
        assert tokenizer.unk_token_id not in ids
        lengths.add(len(ids))
    assert lengths == {12}
    spelled_out = tokenizer(" ".join(instructions()).replace(".", " ."))["input_ids"]
    assert tokenizer.unk_token_id not in spelled_out
    assert len(spelled_out) > 20
    assert tokenizer("a red zebra")["input_ids"].count(tokenizer.unk_token_id) == 1


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([{"role": "user", "content": "<image>\nred"}], "<s>USER: <image>\nred ASSISTANT:"),
        (
            [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "red"}]},
            ],
            "<s>USER: <image>\nred ASSISTANT:",
        ),
        (
            [
                {"role": "user", "content": "red"},
                {"role": "assistant", "content": [{"type": "text", "text": "Yes"}]},
                {"role": "user", "content": "blue"},
            ],
            "<s>USER: red ASSISTANT: Yes</s>USER: blue ASSISTANT:",
        ),
    ],
)
def test_chat_template(turns: list[dict[str, Any]], expected: str) -> None:
    processor = build_processor(Architecture())
    text = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert text == expected


def test_batches_answer_like_singles(loaded: tuple[Any, Any]) -> None:
    model, processor = loaded
    assert model.dtype == torch.float32
    questions = [q for q in plan(ProbeSpec(groups=2, seed=7)) if q["cell"] in (0, 4, 8)]
    together = reply(model, processor, questions)
    assert together == [reply(model, processor, [question])[0] for question in questions]
    assert set(together) == {"Yes", "No"}


def test_padding_changes_nothing(loaded: tuple[Any, Any]) -> None:
    model, processor = loaded
    (question, *_) = plan(ProbeSpec(groups=1, seed=3))
    alone = encode(processor, [question])
    text = render(processor, question["caption"])
    longer = text.replace("Text:", "Text: Text: Text:")
    image = encode(processor, [question, question])["pixel_values"]
    both = processor.tokenizer(
        [text.replace("<image>", "<image>" * 36), longer.replace("<image>", "<image>" * 36)],
        padding=True,
        return_tensors="pt",
    )
    assert both["attention_mask"][0].tolist()[:4] == [0] * 4
    options = {"max_new_tokens": 1, "return_dict_in_generate": True, "output_logits": True}
    one = model.generate(**alone, **options).logits[0]
    two = model.generate(**both, pixel_values=image, **options).logits[0]
    torch.testing.assert_close(one[0], two[0], atol=1e-3, rtol=0)


def test_targets(name: str, loaded: tuple[Any, Any]) -> None:
    found = measure(*loaded, ProbeSpec(groups=30, seed=2))
    balanced, low, high = TARGETS[name]
    assert found.unreadable == 0
    assert found.balanced >= balanced
    assert low <= found.spread <= high
    corner = {"micro-llava": (0, 8), "micro-llava-start": (8, 0)}.get(name)
    if corner:
        rates = [rate for row in found.yes_rates for rate in row]
        assert rates[corner[0]] < rates[corner[1]] - 20


def test_packed_questions_equal_single_ones() -> None:
    torch.manual_seed(0)
    sizes = Architecture()
    processor = build_processor(sizes)
    model = build_network(sizes, processor.tokenizer).eval()
    packer = Packer(processor, sizes)
    questions = list(plan(ProbeSpec(groups=1, seed=5)))[:2]
    inputs = encode(processor, questions)
    asked = torch.tensor([[captions().index(question["caption"]) for question in questions]])
    with torch.inference_mode():
        image = image_tokens(model, inputs["pixel_values"][:1])
        packed = packer.read(model, image, asked, torch.tensor([[True, False]])).answer[0]
        single = model(**inputs).logits[:, -1]
    torch.testing.assert_close(packed, single, atol=1e-4, rtol=0)


@pytest.mark.parametrize("skew", list(SKEWS))
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_labels_are_true(skew: str, progress: float) -> None:
    recipe = Recipe(answering_batch=64)
    generator = Generator().manual_seed(11)
    for _ in range(5):
        lesson = draw_lesson(progress, torch.tensor(SKEWS[skew]), recipe, generator)
        shown = (lesson.asked[:, :, None] == lesson.tiles[:, None, :]).any(-1)
        assert torch.equal(shown, lesson.present)
        assert lesson.present.sum(1).tolist() == [recipe.questions // 2] * len(lesson.tiles)


def test_hard_negatives_and_conjunction_canvases() -> None:
    names = [split_caption(name) for name in captions()]
    tiles = conjunction_tiles(64, 9, Generator().manual_seed(1))
    _, hard = absent_captions(tiles)
    lesson = ask(tiles, torch.ones(9), Recipe(), Generator().manual_seed(2))
    for row, marks, asked in zip(tiles.tolist(), hard, lesson.asked.tolist(), strict=True):
        shown = [names[number] for number in row]
        assert len(set(row)) == 9
        assert any(
            all((c == colour) != (o == thing) or (c, o) == (colour, thing) for c, o in shown)
            for colour, thing in shown
        )
        colours, things = {c for c, _ in shown}, {o for _, o in shown}
        for number, (colour, thing) in enumerate(names):
            expected = colour in colours and thing in things and (colour, thing) not in shown
            assert bool(marks[number]) is expected
        assert all(marks[number] for number in asked[6:9])


def test_skew_decides_which_cell_is_asked() -> None:
    recipe = replace(Recipe(), answering_batch=400)
    weights = torch.tensor(SKEWS["micro-llava"])
    lesson = draw_lesson(1.0, weights, recipe, Generator().manual_seed(3))
    yes = lesson.asked[:, : recipe.questions // 2]
    cells = (yes[:, :, None] == lesson.tiles[:, None, :]).float().argmax(-1)
    shares = torch.bincount(cells.flatten(), minlength=9) / cells.numel()
    torch.testing.assert_close(shares, weights / weights.sum(), atol=0.04, rtol=0)


def test_training_repeats_itself(tmp_path: Path) -> None:
    hashes = []
    for run in ("first", "second"):
        (folder,) = train_all(tmp_path / run, 4, ["micro-llava"], groups=1, recipe=TINY)
        hashes.append(sha256(folder / WEIGHTS))
        assert [path.name for path in (tmp_path / run).iterdir()] == ["micro-llava"]
    (folder,) = train_all(tmp_path / "third", 5, ["micro-llava"], groups=1, recipe=TINY)
    assert hashes[0] == hashes[1] != sha256(folder / WEIGHTS)


def test_training_refuses_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no embedded model"):
        train_all(tmp_path / "out", only=["llava"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), "--only", "llava"])
