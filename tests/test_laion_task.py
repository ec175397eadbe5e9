"""The paper's published probe as a task: from the hub, and from a local copy."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import datasets
import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.metrics.paper import paper_accuracy, paper_cell_accuracy, paper_correct

from .captioned_pictures import POSITIONS, laion_canvas, laion_copy, laion_rows, manager, take_in
from .harness_runs import Puppet, adapter, evaluate

LOCAL, HUB = "spatial_probe_laion_local", "spatial_probe_laion"
Rows = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("Yes", True),
        ("yes", True),
        ("YES", True),
        ("Yes.", True),
        ("Yes, it is there", True),
        ("Yesterday", True),
        ("yes, it is there", True),
        ("yes.", False),
        (" Yes", False),
        ("**Yes**", False),
        ("yes,it is", False),
        ("No", False),
        ("Nothing like Yes", False),
        ("", False),
    ],
)
def test_replies_are_read_as_by_the_official_code(reply: str, right: bool) -> None:
    assert paper_correct(reply, "Yes") is right


def test_no_is_read_likewise() -> None:
    assert paper_correct("Not at all", "No")
    assert not paper_correct("none", "no")


def test_the_papers_figures_by_hand() -> None:
    records = [
        {"cell": cell, "rows": 2, "paper_correct": correct}
        for cell, correct in [(0, 1), (0, 0), (1, 1), (3, 0), (3, 0), (3, 1)]
    ]
    assert paper_accuracy(records) == 3 / 6
    cells = paper_cell_accuracy(records)
    assert (cells[0], cells[1][1]) == ([0.5, 1.0], 1 / 3)
    assert math.isnan(cells[1][0])
    assert math.isnan(paper_accuracy([]))
    assert paper_cell_accuracy([]) == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return laion_copy(tmp_path_factory.mktemp("laion"), groups=4)


@pytest.fixture
def taken(copy: tuple[Path, Path], tmp_path: Path) -> Path:
    result = take_in(*copy, tmp_path / "o")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "o"


def figures(results: dict[str, Any], task: str) -> dict[str, Any]:
    return {k.removesuffix(",none"): v for k, v in results["results"][task].items()}


def test_a_copy_runs_as_a_task_wherever_it_is_moved(
    copy: tuple[Path, Path], taken: Path, tmp_path: Path
) -> None:
    folder = taken.rename(tmp_path / "moved")

    def answer(doc: dict[str, Any]) -> str:
        """Blind bottom left; right in our reading only at the right, in the paper's only above."""
        if doc["position"] == "bottom_left":
            return "No"
        return {"top_center": "Yesterday", "right": "yes."}.get(doc["position"], "Yes")

    results = evaluate(Puppet(answer), [LOCAL], manager=manager(folder), log_samples=True)
    got = figures(results, LOCAL)
    assert got["paper_cell_accuracy"] == [[1, 1, 1], [1, 1, 0], [0, 1, 1]]
    assert got["paper_accuracy"] == pytest.approx(7 / 9)
    assert got["cell_accuracy"] == [[1, 0, 1], [1, 1, 1], [0, 1, 1]]
    assert got["accuracy"] == pytest.approx(7 / 9)
    assert got["unparsed"] == pytest.approx(1 / 9)
    assert got["consistency"] == 0
    # There is no question whose answer is No.
    assert math.isnan(got["balanced_accuracy"])
    assert got["chance"] == 1
    assert results["n-samples"][LOCAL]["effective"] == 36
    logged = results["samples"][LOCAL][10]
    assert (logged["position"], logged["cell"], logged["id"]) == ("top_center", 1, "019920001")
    assert (logged["score"], logged["paper_score"]) == (0.0, 1.0)


def test_wording_and_decoding_are_the_papers(taken: Path, copy: tuple[Path, Path]) -> None:
    task = manager(taken).load_task_or_group(LOCAL)[LOCAL]
    doc = task.test_docs()[13]
    row = json.loads(copy[0].read_text())[13]
    assert [doc[k] for k in ("id", "caption", "position")] == [
        row[k] for k in ("id", "caption", "position")
    ]
    (message,) = task.doc_to_messages(doc)
    picture, question = message["content"]
    assert question["text"] == (
        "Determine if there is a sub-image in the given image that matches the text following.\n"
        f"Text: {row['caption']}\n"
        "The answer should only contain 'Yes' or 'No', without reasoning process.\n"
    )
    assert picture["type"] == "image"
    assert picture["url"].size == (96, 96)
    assert task.config.generation_kwargs["max_new_tokens"] == 128
    assert task.config.generation_kwargs["do_sample"] is False


def test_canvases_are_not_stored_twice(copy: tuple[Path, Path], taken: Path) -> None:
    for path in copy[1].iterdir():
        assert os.path.samefile(path, taken / "pictures" / path.name)


def test_a_canvas_that_was_changed_is_one_line(taken: Path) -> None:
    name = f"{19920000:09d}_1.jpg"
    path = taken / "pictures" / name
    data = bytearray(path.read_bytes())
    path.unlink()  # not through the hard link
    with pytest.raises(UsageError, match=rf"pictures in .* are not as made: {name} \(missing\)$"):
        manager(taken).load_task_or_group(LOCAL)
    data[-20] ^= 1
    path.write_bytes(data)
    task = manager(taken).load_task_or_group(LOCAL)[LOCAL]
    task.doc_to_visual(task.test_docs()[0])
    with pytest.raises(UsageError, match=rf"{name}: changed since the probe was made"):
        task.doc_to_visual(task.test_docs()[1])


def test_an_embedded_model_answers_canvases_of_full_size(tmp_path: Path) -> None:
    listed, images = laion_copy(tmp_path, groups=4, canvas=840)
    assert take_in(listed, images, tmp_path / "o").exit_code == 0
    biased, balanced = (
        figures(
            evaluate(adapter(batch_size=18, **options), [LOCAL], manager=manager(tmp_path / "o")),
            LOCAL,
        )
        for options in ({}, {"bapa": True})
    )
    for got in (biased, balanced):
        assert got["unparsed"] == 0
        assert got["paper_accuracy"] == got["accuracy"] > 0.8
        assert got["paper_cell_accuracy"] == got["cell_accuracy"]


# The task of the hub: a folder of the data set's name in the current one is loaded in its place.


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from lmms_bapa.harness import laion_task

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        laion_task, "_resolve_hf_datasets_cache_dir", lambda: str(tmp_path / "cache")
    )
    data = tmp_path / "AAAndyZ" / "BaPA_Probe_Dataset" / "data"
    data.mkdir(parents=True)
    return data


def published(hub: Path, rows: Rows, as_labels: bool = False) -> None:
    """Writes a data set with the canvases inside; its only split is called train."""
    from io import BytesIO

    def jpeg(row: dict[str, Any]) -> dict[str, Any]:
        stream = BytesIO()
        laion_canvas(row, 96).save(stream, format="JPEG")
        return {"bytes": stream.getvalue(), "path": row["image"]}

    content = datasets.Dataset.from_list([{**row, "image": jpeg(row)} for row in rows])
    content = content.cast_column("image", datasets.Image())
    if as_labels:
        names = sorted(POSITIONS.split())
        content = content.cast_column("position", datasets.ClassLabel(names=names))
    content.to_parquet(hub / "train-00000-of-00001.parquet")


@pytest.mark.parametrize("as_labels", [False, True])
def test_pictures_inside_the_data_set(hub: Path, as_labels: bool) -> None:
    rows = laion_rows(2)
    published(hub, rows, as_labels)
    results = evaluate(
        Puppet(lambda doc: "No" if doc["position"] == "center" else "Yes"), [HUB], limit=9
    )
    got = figures(results, HUB)
    assert got["paper_cell_accuracy"] == [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert got["cell_worst"] == 0
    task = manager().load_task_or_group(HUB)[HUB]
    (shown,) = task.doc_to_visual(task.test_docs()[12])
    wanted = laion_canvas(rows[12], 96)
    difference = [abs(a - b) for a, b in zip(shown.tobytes(), wanted.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 10
    assert "image" not in task.test_docs_no_media().column_names


def test_names_of_files_need_a_folder(hub: Path, copy: tuple[Path, Path]) -> None:
    (hub / "train.jsonl").write_text("\n".join(map(json.dumps, json.loads(copy[0].read_text()))))
    with pytest.raises(UsageError, match="'image' holds file names: give their folder as"):
        manager().load_task_or_group(HUB)
    yaml = hub.parents[2] / "mine.yaml"
    yaml.write_text(
        "task: mine\nclass: !function lmms_bapa.harness.laion_task.LaionProbe\n"
        f"dataset_path: AAAndyZ/BaPA_Probe_Dataset\ndataset_kwargs: {{images: {copy[1]}}}\n"
    )
    task = manager(hub.parents[2]).load_task_or_group("mine")["mine"]
    assert task.doc_to_visual(task.test_docs()[0])[0].size == (96, 96)
    yaml.write_text(yaml.read_text().replace(str(copy[1]), str(hub)))
    with pytest.raises(UsageError, match=r"canvases not in .*: 019920000_0.jpg and 35 more"):
        manager(hub.parents[2]).load_task_or_group("mine")


def test_what_is_not_the_published_form_is_one_line(hub: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be loaded: .*import-laion$") as caught:
        manager().load_task_or_group(HUB)
    assert "\n" not in str(caught.value)
    published(hub, [{k: v for k, v in row.items() if k != "answer"} for row in laion_rows(1)])
    with pytest.raises(UsageError, match="no column answer, it has id, image, caption, position"):
        manager().load_task_or_group(HUB)


def test_rows_in_another_order_are_refused(hub: Path) -> None:
    rows = laion_rows(2)
    published(hub, rows[::2] + rows[1::2])
    with pytest.raises(UsageError, match="groups that are not nine rows"):
        manager().load_task_or_group(HUB)
