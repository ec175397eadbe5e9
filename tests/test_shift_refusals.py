"""What a shifted task refuses, in one clear line and before the first question."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, Features, Image, List, Value
from lmms_eval.api.task import ConfigurableTask
from loguru import logger
from PIL import Image as Pictures
from tenacity import wait_none

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import discovery
from lmms_bapa.harness.shift_checks import check_pictures
from lmms_bapa.shift.spec import read_spec

from .harness_runs import Puppet, evaluate
from .shift_runs import manager, picture, questions, write_base, write_shift


def load(folder: Path, name: str = "shifted") -> Any:
    return manager(folder).load_task_or_group([name], "chat")[name]


def refusal(folder: Path, name: str = "shifted") -> str:
    with pytest.raises(UsageError) as caught:
        load(folder, name)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    return message.removeprefix(f"{name}: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output_type": "multiple_choice"}, "its output_type is multiple_choice"),
        ({"output_type": "generate_until_multi_round"}, "only generate_until tasks can"),
        ({"doc_to_visual": None}, "it shows no pictures"),
        ({"dataset_kwargs": {"video": True}}, "it shows videos, only still pictures can"),
        ({"metric_list": [{"metric": "mean_IoU", "aggregation": "mean"}]}, "its metric mean_IoU"),
        ({"doc_to_target": "bbox"}, "base cannot be shifted: its target"),
        ({"test_split": "exam"}, "has no split 'exam'"),
    ],
)
def test_a_base_task_that_cannot_be_shifted(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    write_base(tmp_path, questions(2), **changes)
    write_shift(tmp_path)
    assert said in refusal(tmp_path)


def test_an_unknown_base_task(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path, base="bose")
    assert refusal(tmp_path) == "unknown base task 'bose': did you mean base?"


def test_no_base_task(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path)
    path = tmp_path / "shifted.yaml"
    path.write_text(path.read_text().replace("base: base\n", ""))
    assert "name the task that is shifted" in refusal(tmp_path)


def test_a_group_and_a_python_task_as_base(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    (tmp_path / "all.yaml").write_text("group: all\ntask: [base]\n")
    write_shift(tmp_path, "one", base="all")
    write_shift(tmp_path, "two", base="spatial_probe_lite")
    assert "all is a group of tasks: give the name of one" in refusal(tmp_path, "one")
    assert "only YAML tasks shift" in refusal(tmp_path, "two")


def test_an_option_that_does_not_exist(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path, layuot="grid")
    assert refusal(tmp_path) == "shift.layuot is unknown to layout grid: did you mean layout?"


def test_documents_without_any_picture(tmp_path: Path) -> None:
    write_base(tmp_path, [{**q, "pictures": []} for q in questions(3)])
    write_shift(tmp_path)
    assert "shows no pictures in its documents" in refusal(tmp_path)


def test_videos_among_the_messages(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    functions = tmp_path / "functions.py"
    functions.write_text(
        functions.read_text().replace("return [picture for", "return ['a.mp4' for")
    )
    write_shift(tmp_path)
    assert "the base task shows video: only still pictures can be shifted" in refusal(tmp_path)


def stored(pictures: list[Any]) -> Any:
    """A list of pictures as a data set stores them: bytes or a path."""
    return [{"bytes": p, "path": None} if isinstance(p, bytes) else p for p in pictures]


def png(image: Pictures.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize("broken", [b"no picture at all", b""])
def test_a_broken_picture_far_down(tmp_path: Path, broken: Any) -> None:
    write_base(tmp_path, questions(1))
    features = Features(pictures=List(Image()), question=Value("string"), answer=Value("string"))
    rows = [
        {"pictures": stored([png(picture(n))]), "question": "?", "answer": "A"} for n in range(300)
    ]
    rows[299]["pictures"] = stored([png(picture(299)), broken])
    raw = Features(
        pictures=List({"bytes": Value("binary"), "path": Value("string")}),
        question=Value("string"),
        answer=Value("string"),
    )
    Dataset.from_list(rows, features=raw).cast(features).to_parquet(tmp_path / "data.parquet")
    write_shift(tmp_path)
    message = refusal(tmp_path)
    assert "document 299: the picture in column pictures cannot be read" in message
    assert "repair the data set" in message


def test_a_missing_file(tmp_path: Path) -> None:
    picture(0).save(tmp_path / "there.png")
    paths = [str(tmp_path / name) for name in ("there.png", "gone.png")]
    documents = Dataset.from_dict({"image": paths}).cast_column("image", Image())
    with pytest.raises(UsageError, match="document 1: the picture in column image cannot be read"):
        check_pictures(documents, read_spec({}))
    check_pictures(documents.select([0]), read_spec({}))


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_that_breaks_off_is_told(kind: str) -> None:
    buffer = io.BytesIO()
    picture(0, 64, 64).save(buffer, kind)
    whole = buffer.getvalue()
    stored = [whole, whole + b"\0" * 8, whole[:-20], whole]
    documents = Dataset.from_dict({"image": stored}).cast_column("image", Image())
    said: list[str] = []
    handler = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    try:
        check_pictures(documents, read_spec({}))
    finally:
        logger.remove(handler)
    (line,) = said
    assert line.startswith("1 picture(s) break off in the middle, the first in document 2:")


def test_a_canvas_that_is_too_large(tmp_path: Path) -> None:
    documents = questions(2)
    documents[1]["pictures"] = [Pictures.new("L", (2000, 1000))]
    write_base(tmp_path, documents)
    write_shift(tmp_path, ratio=8)
    message = refusal(tmp_path)
    assert "document 1: a picture of 2000 x 1000 pixels needs a canvas of 16000 x 8000" in message
    assert "lower shift.ratio" in message


def test_a_data_set_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConfigurableTask.download.retry, "wait", wait_none())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_base(tmp_path, questions(2), dataset_path="nobody/nothing", dataset_kwargs={})
    write_shift(tmp_path)
    message = refusal(tmp_path)
    assert message.startswith("data set nobody/nothing cannot be loaded (")
    assert "put a copy into a folder of that name" in message


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("requests.post(API_URL)", True),
        ("client.chat(model='gpt-4o')", True),
        ("Client(key=SOME_API_KEY)", True),
        ("helper(results)", True),
        ("sum(results) / len(results)", False),
    ],
)
def test_a_scorer_that_asks_a_paid_model(tmp_path: Path, call: str, asked: bool) -> None:
    write_base(tmp_path, questions(2))
    functions = tmp_path / "functions.py"
    functions.write_text(
        f"{functions.read_text()}\n\ndef helper(results):\n    return judge_all(results)\n\n\n"
        f'def aggregate(results):\n    "Neither judge nor gpt-4o."\n    return {call}\n'
    )
    base = tmp_path / "base.yaml"
    base.write_text(
        base.read_text().replace("aggregation: mean", "aggregation: !function functions.aggregate")
    )
    write_shift(tmp_path)
    write_shift(tmp_path, "allowed", judge=True)
    if asked:
        assert "the scorer of base asks a paid model" in refusal(tmp_path)
        assert load(tmp_path, "allowed").shift.judge
    else:
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shift: grid", "shift: 'grid' is no mapping: write options, such as layout: grid"),
        ("shift: {3: 4}", "shift.3 is unknown to layout grid"),
        ("shift: {verdict: acuracy}", "shift.verdict='acuracy': did you mean accuracy?"),
        ("shift: {together: 4, documents: 2}", "shift.together=4: there are only 3 documents"),
        ("shift: {layout: scale, sizes: [0.5, 0.50000001]}", "sizes must differ"),
        ("shfit: {rows: 2}", "'shfit' is no key of a task: did you mean shift?"),
        ("doc_to_txt: question", "'doc_to_txt' is no key of a task: did you mean doc_to_text?"),
        ("score_key: value", "score_key: value is a name that the records of places use"),
    ],
)
def test_slips_in_the_yaml(tmp_path: Path, text: str, said: str) -> None:
    write_base(tmp_path, questions(3))
    write_shift(tmp_path)
    path = tmp_path / "shifted.yaml"
    path.write_text(path.read_text().replace("shift: {}\n", "") + text)
    assert said in refusal(tmp_path)


def test_a_picture_that_cannot_be_opened_for_its_size() -> None:
    head = png(Pictures.new("1", (1, 1)))
    width = (20_000).to_bytes(4, "big")
    chunk = b"IHDR" + width + width + head[24:29]
    huge = head[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + head[33:]
    documents = Dataset.from_dict({"image": [{"bytes": huge, "path": None}]}).cast_column(
        "image", Image()
    )
    with pytest.raises(UsageError, match="document 0: the picture in column image is too large"):
        check_pictures(documents, read_spec({}))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_without_a_canvas_there_is_no_limit_to_it() -> None:
    large = {"bytes": png(Pictures.new("1", (9_500, 9_500))), "path": None}
    documents = Dataset.from_dict({"image": [large]}).cast_column("image", Image())
    check_pictures(documents, read_spec({"layout": "none"}))
    with pytest.raises(UsageError, match="above the limit"):
        check_pictures(documents, read_spec({}))


def test_requests_are_not_cached_without_their_messages(tmp_path: Path) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path)
    with pytest.raises(UsageError, match="--cache_requests cannot keep questions"):
        load(tmp_path).build_all_requests(cache_requests=True)


def test_pictures_that_come_late_in_a_data_set_are_found(tmp_path: Path) -> None:
    documents = [{"pictures": [], "question": "?", "answer": "A"} for _ in range(150)]
    write_base(tmp_path, [*documents, *questions(150)])
    write_shift(tmp_path)
    assert len(load(tmp_path).test_docs()) == 3000


def test_limits_and_offsets_inside_a_group(tmp_path: Path) -> None:
    write_base(tmp_path, questions(4))
    write_shift(tmp_path, rows=2, together=2)
    model = Puppet(lambda doc: doc["answer"])
    with pytest.raises(UsageError, match=r"--limit 9 is less than 2 document.* multiple of 10"):
        evaluate(model, ["shifted"], manager=manager(tmp_path), limit=9)
    with pytest.raises(UsageError, match=r"--offset 5 is inside .* multiple of 10"):
        evaluate(model, ["shifted"], manager=manager(tmp_path), offset=5)
    results = evaluate(model, ["shifted"], manager=manager(tmp_path), offset=10, log_samples=True)
    assert {s["unparsed"]["document"] for s in results["samples"]["shifted"]} == {2, 3}


def test_a_simple_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_base(tmp_path, questions(2))
    write_shift(tmp_path)
    known = manager(tmp_path)
    monkeypatch.setitem(discovery._latest, "model_name", "gemma3")
    with pytest.raises(UsageError, match="--model gemma3 is a simple adapter: take one for chat"):
        known.load_task_or_group(["shifted"], "chat")
