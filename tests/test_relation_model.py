"""The embedded model that tells where pictures stand, and what removing positions costs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator

from lmms_bapa import AGCI, BaPA, intervene
from lmms_bapa.embedded import embedded_path
from lmms_bapa.embedded.card import FACTS, PROBE, WEIGHTS, sha256
from lmms_bapa.embedded.drawings import EMPTY, Painter, draw_bank
from lmms_bapa.embedded.evaluate import load, measure
from lmms_bapa.embedded.evaluate_relations import encode_relations, measure_relations
from lmms_bapa.embedded.language import build_processor, build_tokenizer, render_text
from lmms_bapa.embedded.network import build_network
from lmms_bapa.embedded.packing import Packer
from lmms_bapa.embedded.recipe import RELATION_MODELS, Architecture, Recipe, RelationRecipe
from lmms_bapa.embedded.relation_lessons import draw_relation_lesson
from lmms_bapa.embedded.relation_packing import RelationPacker
from lmms_bapa.embedded.train import train_all
from lmms_bapa.embedded.training import image_tokens
from lmms_bapa.probes.questions import ProbeSpec
from lmms_bapa.probes.relations import (
    RELATION_PROMPT,
    RELATIONS,
    RelationSpec,
    plan_relations,
    question_text,
)
from lmms_bapa.probes.vocabulary import captions

(NAME,) = RELATION_MODELS
SPEC = RelationSpec(groups=12, seed=2)


@pytest.fixture(scope="module")
def folder() -> Path:
    found = embedded_path(NAME)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def loaded(folder: Path) -> tuple[Any, Any]:
    return load(folder)


def test_the_words_of_relations_come_last() -> None:
    plain, more = build_tokenizer().get_vocab(), build_tokenizer(relations=True).get_vocab()
    assert {word: more[word] for word in plain} == plain
    new = {"Is", "to the left of", "to the right of", "above", "below"}
    assert set(more) - set(plain) == new
    assert {more[word] for word in new} == set(range(len(plain), len(plain) + len(new)))
    tokenizer = build_tokenizer(relations=True)
    unknown, known = tokenizer.unk_token_id, tokenizer.convert_tokens_to_ids("above")
    assert tokenizer("Isle above Island")["input_ids"] == [unknown, known, unknown]


def test_no_question_has_an_unknown_word(loaded: tuple[Any, Any]) -> None:
    _, processor = loaded
    tokenizer, names = processor.tokenizer, captions()
    for relation in RELATIONS:
        for subject, reference in zip(names, names[1:] + names[:1], strict=True):
            text = render_text(processor, question_text(subject, relation, reference))
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert tokenizer.unk_token_id not in ids
            assert len(ids) == 16


def test_packed_questions_equal_single_ones() -> None:
    torch.manual_seed(0)
    sizes = Architecture()
    processor = build_processor(sizes, relations=True)
    model = build_network(sizes, processor.tokenizer).eval()
    packer = Packer(processor, sizes)
    relations = RelationPacker(processor, sizes, packer)
    questions = list(plan_relations(RelationSpec(groups=1, distractors=3)))[:4]
    inputs = encode_relations(processor, questions)
    names, kinds = captions(), list(RELATIONS)
    own = relations.own_words(
        torch.tensor([[names.index(q["subject"]) for q in questions]]),
        torch.tensor([[kinds.index(q["relation"]) for q in questions]]),
        torch.tensor([[names.index(q["reference"]) for q in questions]]),
    )
    words = processor.tokenizer.convert_ids_to_tokens(own[0, 0])
    asked = questions[0]
    assert " ".join(words[:3]) == f"{asked['subject']} to the left of"
    assert words[relations.subject_word] == asked["subject"].split()[1]
    assert words[relations.reference_word] == asked["reference"].split()[1]
    with torch.inference_mode():
        image = image_tokens(model, inputs["pixel_values"][:1])
        answers = packer.answers[torch.tensor([[0, 1, 1, 0]])]
        packed = model.lm_head(relations.states(model, image, own, answers)[-1][0, :, -2])
        single = model(**inputs).logits[:, -1]
    torch.testing.assert_close(packed, single, atol=1e-4, rtol=0)


@pytest.mark.parametrize("pictures", [2, 5, 9])
def test_labels_are_true(pictures: int) -> None:
    recipe = Recipe(answering_batch=40)
    lesson = draw_relation_lesson(pictures, recipe, Generator().manual_seed(4))
    assert ((lesson.tiles != EMPTY).sum(1) == pictures).all()
    kinds = list(RELATIONS)
    tested = 0
    for canvas, tiles in enumerate(lesson.tiles.tolist()):
        for number in range(recipe.questions):
            subject, reference = lesson.subject[canvas, number], lesson.reference[canvas, number]
            one, other = tiles.index(int(subject)), tiles.index(int(reference))
            assert (one, other) == (
                int(lesson.subject_cell[canvas, number]),
                int(lesson.reference_cell[canvas, number]),
            )
            right, down = one % 3 - other % 3, one // 3 - other // 3
            holds = {"left": right < 0, "right": right > 0, "above": down < 0, "below": down > 0}
            relation = kinds[int(lesson.relation[canvas, number])]
            assert bool(lesson.true[canvas, number]) is holds[relation]
            assert (right if relation in ("left", "right") else down) != 0
            assert np.sign(right) == lesson.columns[canvas, number]
            assert np.sign(down) == lesson.rows[canvas, number]
            tested += int(lesson.true[canvas, number])
    assert 0.4 < tested / lesson.true.numel() < 0.6
    assert len(lesson.relation.unique()) == 4


def test_empty_cells_are_painted_white() -> None:
    names = captions()[:2]
    painter = Painter(draw_bank(Recipe(drawings=2), names, 0), rows=3)
    tiles = torch.full((1, 9), EMPTY)
    tiles[0, 4] = 1
    canvas = painter.paint(tiles, Generator().manual_seed(0))[0]
    assert (canvas[:, 32:64, 32:64] < 0.9).any()
    canvas[:, 32:64, 32:64] = 1
    assert (canvas == 1).all()


def test_files_agree(folder: Path) -> None:
    facts = json.loads((folder / FACTS).read_text())
    probe = json.loads((folder / PROBE).read_text())
    assert probe["relation_prompt"] == RELATION_PROMPT
    assert probe["relations"] == {name: r.words for name, r in RELATIONS.items()}
    assert facts["recipe"]["third"]["steps"] == RelationRecipe().steps
    assert set(facts["relations"]["relations"]) == set(RELATIONS)
    assert facts["relations"]["pairs"] > 75


def test_it_tells_places_until_bapa_takes_the_positions_away(loaded: tuple[Any, Any]) -> None:
    """The counter-test: this model reads places from the positions of the image tokens."""
    model, processor = loaded
    found = {"off": measure_relations(model, processor, SPEC)}
    for name, steps in {
        "bapa": (BaPA(),),
        "centred": (BaPA(anchor="center"),),
        "agci": (AGCI(0.5),),
    }.items():
        with intervene(model, *steps):
            found[name] = measure_relations(model, processor, SPEC)
    assert all(figures.unreadable == 0 for figures in found.values())
    assert found["off"].accuracy > 85
    assert found["off"].pairs > 75
    assert min(found["off"].relations.values()) > 75
    assert found["agci"].pairs > 70
    for name in ("bapa", "centred"):
        assert 40 < found[name].accuracy < 60
        assert found[name].pairs < 35


def test_bapa_does_not_take_its_eyes_away(loaded: tuple[Any, Any]) -> None:
    """What is in the picture it still finds, so that the loss above is one of places."""
    model, processor = loaded
    with intervene(model, BaPA()):
        assert measure(model, processor, ProbeSpec(groups=10, seed=2)).balanced > 80


def test_training_repeats_itself(tmp_path: Path) -> None:
    tiny = Recipe(
        drawings=1,
        perception_steps=2,
        perception_batch=2,
        answering_steps=2,
        answering_batch=2,
        third=RelationRecipe(steps=3, share=0.5),
    )
    hashes = {}
    longer = replace(tiny, third=RelationRecipe(steps=4, share=0.5))
    for run, recipe in (("first", tiny), ("second", tiny), ("longer", longer)):
        (folder,) = train_all(tmp_path / run, 4, [NAME], groups=1, recipe=recipe)
        hashes[run] = sha256(folder / WEIGHTS)
    assert hashes["first"] == hashes["second"] != hashes["longer"]
