"""Keeping pictures for later settings changes how often they are encoded, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lmms_bapa.harness import presets
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.interventions import AGCI, BaPA, Intervention

from .checkpoints import SAVED
from .harness_runs import TASK, adapter, evaluate, requests_for
from .picture_questions import TEXTS, picture

SETTINGS: dict[str, list[Intervention]] = {
    "off": [],
    "BaPA": [BaPA()],
    "AGCI": [AGCI(2.0)],
    "both": [BaPA(), AGCI(1.0)],
}
# Repeated within a batch and from batch to batch, several in a question, and none.
ROWS = [[], [0], [1, 2], [0], [3], [3], [4], [], [5, 5], [0], [4, 1]]
FAMILIES = [
    *("llava", "llava:pixtral", "llava_next", "gemma3", "qwen2_5_vl", "qwen3_vl"),
    *("internvl", "idefics3"),
]
LIMITS = {"min_pixels": 64 * 64, "max_pixels": 160 * 160}


@dataclass
class Subject:
    """An adapter and its questions; the pictures of each row, by number."""

    model: HFBapa
    docs: list[dict[str, Any]]
    rows: list[list[int]]

    def answers(self, setting: str, batch_size: int) -> list[tuple[str, str]]:
        """Texts and margins, to the last bit."""
        self.model.steer(*SETTINGS[setting])
        self.model.options = self.model.options.model_copy(update={"batch_size": batch_size})
        results = self.model.generate_until(requests_for(self.model, self.docs))
        return [(str(r.text), r.text.margin.hex()) for r in results]


def questions(rows: list[list[int]], shown: Callable[[int], Image.Image]) -> list[dict[str, Any]]:
    return [
        {"images": [shown(i) for i in row], "text": TEXTS[n % 3] * (1 + n % 2)}
        for n, row in enumerate(rows)
    ]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Subject:
    """The embedded weights as if they were anybody's checkpoint: no limits on the questions."""
    monkeypatch.setattr("lmms_bapa.harness.asking.EMBEDDED", {})
    texts = ["red star", "blue cup", "red star blue", "key"]
    docs = [doc | {"text": texts[n % 4]} for n, doc in enumerate(questions(ROWS, picture))]
    return Subject(adapter(), docs, ROWS)


@pytest.fixture(scope="module", params=[name for name in FAMILIES if name in SAVED])
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    facts = SAVED[request.param]
    folder = facts.save(request.param, tmp_path_factory.mktemp("checkpoint"))
    made = getattr(presets, facts.adapter)
    limits = LIMITS if "max_pixels" in made.preset.model_args else {}
    rows = [row for row in ROWS if len(row) <= facts.most and (row or facts.text_alone)]
    model = made(pretrained=str(folder), device="cpu", **limits)
    # Each row has a picture of its own, as where a data set decodes it for every row anew.
    return Subject(model, questions(rows, lambda i: picture(i).copy()), rows)


@contextmanager
def counted(module: torch.nn.Module, of_call: Callable[..., int]) -> Iterator[list[int]]:
    """The pictures of each call of a vision tower."""
    calls: list[int] = []
    handle = module.register_forward_hook(
        lambda _, args, kwargs, __: calls.append(of_call(*args, **kwargs)), with_kwargs=True
    )
    yield calls
    handle.remove()


def per_row(pixel_values: torch.Tensor, **_: Any) -> int:
    return len(pixel_values)


def per_grid(*_: Any, grid_thw: torch.Tensor, **__: Any) -> int:
    return len(grid_thw)


def test_answers_and_margins_are_bit_for_bit_those_of_a_plain_run(
    family: Subject, tmp_path: Path
) -> None:
    order = [("off", 4), ("both", 4), ("AGCI", 1), ("BaPA", 4), ("off", 1)]
    plain = {case: family.answers(*case) for case in order}
    assert plain["off", 4] != plain["both", 4]
    assert len({margin for _, margin in plain["off", 4]}) > 4
    base = family.model.model.model  # around the decoder, whatever the version
    before = dict(base.__dict__)
    for memory in (10**9, 0):  # in memory, and all of it on disk
        pictures = family.model.keep_pictures(memory, tmp_path)
        for case in order:
            assert family.answers(*case) == plain[case], case
        done = pictures.computed
        assert pictures.reused > 0
        assert bool(list(tmp_path.rglob("*.safetensors"))) == (memory == 0)
        for case in order[::-2]:  # in any order, nothing is computed again
            assert family.answers(*case) == plain[case], case
        assert pictures.computed == done
        family.model.drop_pictures()
        assert list(tmp_path.iterdir()) == []
    family.model.steer()
    assert base.__dict__.keys() == before.keys()
    assert family.answers("both", 4) == plain["both", 4]


def encodes_first(model: HFBapa) -> bool:
    """An older transformers encodes inside the forward pass, each row's pictures anew."""
    return "mm_encoder_outputs" in inspect.signature(model.model.forward).parameters


def distinct_by_batch(rows: list[list[int]], batch_size: int) -> int:
    batches = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    return sum(len({i for row in batch for i in row}) for batch in batches)


# Two pictures a batch of four, and none of them in two batches; then each of three in two.
WITHIN = [[0], [0], [1], [0], [], [2], [2], [3]]
ACROSS = [[0], [1], [1], [0], [1], [2], [2], [], [0]]


@pytest.mark.parametrize("rows", [WITHIN, ACROSS], ids=["within", "across"])
@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_a_picture_goes_through_the_tower_once_a_batch(
    embedded: Subject, batch_size: int, rows: list[list[int]]
) -> None:
    embedded.docs = questions(rows, picture)
    plain = {name: embedded.answers(name, batch_size) for name in SETTINGS}
    pictures = embedded.model.keep_pictures()
    with counted(embedded.model.model.model.vision_tower, per_row) as calls:
        for _ in range(2):
            for name in SETTINGS:
                assert embedded.answers(name, batch_size) == plain[name]
    embedded.model.drop_pictures()
    # Alone, a picture is the same batch wherever it is asked about.
    want = len({i for row in rows for i in row})
    assert sum(calls) == pictures.computed
    if batch_size > 1 and not encodes_first(embedded.model):
        want = sum(map(len, rows))
    elif rows is ACROSS:
        want = want if batch_size == 1 else distinct_by_batch(rows, batch_size)
    elif batch_size == 3:
        want = distinct_by_batch(rows, batch_size)
    assert sum(calls) == want


@pytest.mark.parametrize("name", ["qwen2_vl", "qwen2_5_vl"])
def test_patches_in_one_list_are_told_apart(tmp_path: Path, name: str) -> None:
    facts = SAVED[name]
    folder = facts.save(name, tmp_path / "checkpoint")
    model = getattr(presets, facts.adapter)(pretrained=str(folder), device="cpu", **LIMITS)
    rows = [*WITHIN, [4, 4], [5, 4], [4]]
    subject = Subject(model, questions(rows, picture), rows)
    plain = Subject(model, questions(rows, lambda i: picture(i).copy()), rows)
    apart = {setting: plain.answers(setting, 4) for setting in SETTINGS}
    with counted(model.model.model.visual, per_grid) as calls:
        assert_close(subject.answers("off", 4), apart["off"])
    alone = sum(calls)
    pictures = model.keep_pictures()
    with counted(model.model.model.visual, per_grid) as calls:
        for setting in SETTINGS:
            assert_close(subject.answers(setting, 4), apart[setting])
    model.drop_pictures()
    distinct = len({i for row in rows for i in row})
    want = distinct if encodes_first(model) else sum(map(len, rows))
    assert alone == sum(calls) == pictures.computed == want


def assert_close(found: list[tuple[str, str]], want: list[tuple[str, str]]) -> None:
    """The same texts, and margins that are the same but for the last bits."""
    assert [text for text, _ in found] == [text for text, _ in want]
    margins = [[float.fromhex(m) for _, m in answers] for answers in (found, want)]
    assert margins[0] == pytest.approx(margins[1], abs=1e-3, nan_ok=True)


def test_a_second_setting_neither_draws_nor_preprocesses(embedded: Subject) -> None:
    drawn: list[int] = []

    def requests() -> list[Any]:
        made = requests_for(embedded.model, embedded.docs)
        for request in made:
            context, messages, *rest = request.args

            def counting(doc: Any, messages: Any = messages) -> Any:
                drawn.append(1)
                return messages(doc)

            request.arguments = (context, counting, *rest)
        return made

    embedded.model.keep_pictures()
    embedded.model.options = embedded.model.options.model_copy(update={"batch_size": 4})
    first = [r.text for r in embedded.model.generate_until(requests())]
    assert len(drawn) == len(embedded.docs)
    processed: list[int] = []
    stock = embedded.model.processor.image_processor._stock

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(stock, name)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            processed.append(1)
            return stock(*args, **kwargs)

    embedded.model.processor.image_processor._stock = Counting()
    assert [r.text for r in embedded.model.generate_until(requests())] == first
    assert (len(drawn), processed) == (len(embedded.docs), [])
    embedded.model.drop_pictures()
    assert [r.text for r in embedded.model.generate_until(requests())] == first
    assert len(drawn) == 2 * len(embedded.docs)
    assert processed


def test_pixels_of_a_repeated_picture_are_kept_once(embedded: Subject) -> None:
    embedded.docs = questions([[0], [0], [0], [0]], picture)
    pictures = embedded.model.keep_pictures()
    embedded.answers("off", 4)
    repeated = pictures.store.in_memory
    embedded.docs = questions([[0]], picture)
    pictures = embedded.model.keep_pictures()
    embedded.answers("off", 1)
    side = embedded.model.processor.image_processor.size
    one = 3 * 4 * next(iter(dict(side).values())) ** 2
    assert pictures.store.in_memory > one  # pixels and features
    assert repeated < pictures.store.in_memory + one


def test_the_same_numbers_of_another_task_are_other_questions(embedded: Subject) -> None:
    embedded.docs = questions([[1], [2], [3], [4]], picture)
    pictures = embedded.model.keep_pictures()
    embedded.answers("off", 2)
    computed = pictures.computed
    requests = requests_for(embedded.model, questions([[3], [4]], picture))
    for request in requests:
        request.arguments = (*request.args[:4], "other", "test")
    embedded.model.task_dict["other"] = embedded.model.task_dict["t"]
    shown = [r.text.margin for r in embedded.model.generate_until(requests)]
    assert pictures.computed == computed  # the same pictures by content
    embedded.model.drop_pictures()
    assert [r.text.margin for r in embedded.model.generate_until(requests)] == shown


def test_the_harness_keeps_them_from_setting_to_setting_and_clean_ends_it() -> None:
    def samples(model: HFBapa) -> list[tuple[str, float]]:
        found = evaluate(model, [TASK], limit=18, log_samples=True)["samples"][TASK]
        return [(s["filtered_resps"][0], s["margin"]) for s in found]

    settings = {name: SETTINGS[name] for name in ("off", "both")}
    plain = adapter(batch_size=18)
    plain.keep_loaded = True
    want = {}
    for name, setting in settings.items():
        plain.steer(*setting)
        want[name] = samples(plain)
    model = adapter(batch_size=18)
    model.keep_loaded = True
    pictures = model.keep_pictures()
    for name, setting in settings.items():
        model.steer(*setting)
        assert samples(model) == want[name], name
    # Every canvas is asked about twice, side by side; an older transformers encodes both.
    sharing = "mm_encoder_outputs" in inspect.signature(model.model.forward).parameters
    assert pictures.computed == (18 // 2 if sharing else 18)
    base = model.model.model
    assert "get_image_features" in base.__dict__
    model.keep_loaded = False
    model.clean()
    assert "get_image_features" not in base.__dict__
    assert len(pictures.store) == 0
    assert model.pictures is None
