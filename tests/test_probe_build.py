"""``lmms-bapa probe build``: a folder that runs as a task, or one clear line."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.progress import Progress

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.probe_task import METRICS
from lmms_bapa.probes.captioned.items import Candidate
from lmms_bapa.probes.captioned.spec import CaptionedSpec
from lmms_bapa.probes.pictures import draw_picture
from lmms_bapa.probes.vocabulary import captions
from lmms_bapa.runs.probe_build import build

from .captioned_pictures import drawn_pictures, manager, probe
from .colour_font import colour_font
from .harness_runs import Puppet, adapter, evaluate


def built(folder: Path, output: Path, *options: str | Path) -> Path:
    given = ["--pictures", folder / "pictures", "--captions", folder / "captions.jsonl"]
    result = probe("build", *given, "--output", output, *options)
    assert result.exit_code == 0, result.stderr
    return output


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    drawn_pictures(folder, 16, 48)
    return folder


def loaded(folder: Path, name: str = "own_probe") -> Any:
    return manager(folder).load_task_or_group(name)[name]


def bytes_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_input_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "elsewhere")
    one = built(source, tmp_path / "one", "--groups", "5")
    two = built(tmp_path / "elsewhere", tmp_path / "deep" / "two", "--groups", "5")
    other = built(source, tmp_path / "other", "--groups", "5", "--seed", "1")
    assert bytes_in(one) == bytes_in(two)
    assert bytes_in(one)["documents.jsonl"] != bytes_in(other)["documents.jsonl"]


def test_the_manifest_tells_of_every_byte_and_of_no_place(source: Path, tmp_path: Path) -> None:
    folder = built(source, tmp_path / "one", "--groups", "20", "--rows", "2")
    found = bytes_in(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {f"pictures/{n}": f["sha256"] for n, f in manifest["pictures"].items()} == {
        name: digest for name, digest in found.items() if name.startswith("pictures/")
    }
    assert manifest["documents"]["sha256"] == found["documents.jsonl"]
    assert manifest["specification"]["rows"] == 2
    assert found["manifest.json"] in (folder / "own_probe.yaml").read_text()
    as_given = {hashlib.sha256(p.read_bytes()).hexdigest() for p in source.rglob("*.*")}
    assert {f["sha256"] for f in manifest["pictures"].values()} <= as_given
    for path in folder.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes()


def test_it_runs_as_a_task_and_may_be_moved(source: Path, tmp_path: Path) -> None:
    folder = built(source, tmp_path / "one", "--groups", "4", "--name", "mine")
    folder = folder.rename(tmp_path / "moved")

    def blind_in_the_middle(doc: dict[str, Any]) -> str:
        return "No" if doc["cell"] == 4 else doc["answer"]

    results = evaluate(Puppet(blind_in_the_middle), ["mine"], manager=manager(folder))
    got = {k.split(",")[0]: v for k, v in results["results"]["mine"].items()}
    assert got["cell_accuracy"] == [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert got["balanced_accuracy"] == pytest.approx((8 / 9 + 1) / 2)
    assert got["chance"] == 0.5
    assert got["consistency"] == 0
    assert set(METRICS) <= set(got)
    assert results["n-samples"]["mine"]["effective"] == 4 * 18


def test_the_canvas_shows_the_listed_pictures_in_their_cells(tmp_path: Path) -> None:
    """Pictures as large as a cell: each box of the canvas holds the file's own pixels."""
    (tmp_path / "pictures").mkdir()
    names = captions()[:12]
    drawn = {name: draw_picture(name, i, 50) for i, name in enumerate(names)}
    for i, image in enumerate(drawn.values()):
        image.save(tmp_path / "pictures" / f"{i}.png")
    (tmp_path / "captions.json").write_text(
        json.dumps({f"{i}.png": name for i, name in enumerate(drawn)})
    )
    arguments = ["--captions", tmp_path / "captions.json", "--output", tmp_path / "o"]
    canvas = 840 * 50 // 270 + 1  # boxes of 50 px
    options = ["--pictures", tmp_path / "pictures", "--canvas", str(canvas), "--groups", "2"]
    assert probe("build", *options, *arguments).exit_code == 0
    task = loaded(tmp_path / "o")
    caption = {
        name: entry["caption"]
        for name, entry in json.loads((tmp_path / "o" / "manifest.json").read_text())[
            "pictures"
        ].items()
    }
    for doc in task.test_docs():
        (image,) = task.doc_to_visual(doc)
        pixels = np.asarray(image).astype(int)
        shown = [caption[name] for name in doc["pictures"]]
        assert (doc["caption"] == shown[doc["cell"]]) == (doc["asked"] == "key")
        step = 50 + round(7 * canvas / 840)
        for cell, name in enumerate(shown):
            top, left = (round(8 * canvas / 840) + step * n for n in divmod(cell, 3))
            box = pixels[top : top + 50, left : left + 50]
            assert (box == np.asarray(drawn[name])).all()


def test_both_questions_about_a_canvas_share_its_picture(source: Path, tmp_path: Path) -> None:
    task = loaded(built(source, tmp_path / "one", "--groups", "1"))
    docs = task.test_docs()
    first, second = (task.doc_to_visual(docs[i])[0] for i in (0, 1))
    assert docs[0]["pictures"] == docs[1]["pictures"]
    assert first is second


def test_an_embedded_model_finds_drawn_pictures(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    rows = ["file,caption"]
    for number, name in enumerate(captions()[::3]):
        draw_picture(name, number, 270).save(tmp_path / "pictures" / f"{number}.png")
        rows.append(f"{number}.png,{name}")
    (tmp_path / "c.csv").write_text("\n".join(rows))
    options = ["--captions", tmp_path / "c.csv", "--output", tmp_path / "o", "--groups", "3"]
    assert probe("build", "--pictures", tmp_path / "pictures", *options).exit_code == 0
    results = evaluate(adapter(batch_size=18), ["own_probe"], manager=manager(tmp_path / "o"))
    got = results["results"]["own_probe"]
    assert got["balanced_accuracy,none"] > 0.8
    assert got["unparsed,none"] == 0


@pytest.mark.parametrize("harm", ["missing", "changed", "same size", "documents", "manifest"])
def test_a_folder_that_was_changed_is_one_line(source: Path, tmp_path: Path, harm: str) -> None:
    folder = built(source, tmp_path / "one", "--groups", "2")
    pictures = sorted((folder / "pictures").iterdir())
    lines = {
        "missing": f"{pictures[0].name} (missing) and 1 more",
        "changed": f"{pictures[0].name} (changed)",
        "same size": f"{pictures[0].name} (changed)",
        "documents": "documents.jsonl: changed since it was made",
        "manifest": "manifest.json: not the manifest that the YAML beside it names",
    }
    if harm == "missing":
        pictures[0].unlink()
        pictures[1].unlink()
    elif harm == "changed":
        pictures[0].write_bytes(pictures[1].read_bytes())
    elif harm == "same size":
        data = bytearray(pictures[0].read_bytes())
        data[-20] ^= 1
        pictures[0].write_bytes(data)
    else:
        path = next(folder.glob(f"{harm}.*"))
        path.write_text(path.read_text().replace("red", "tan"))
    with pytest.raises(UsageError) as caught:
        loaded(folder)
    assert lines[harm] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_another_version_or_without_questions_is_refused(
    source: Path, tmp_path: Path
) -> None:
    folder = built(source, tmp_path / "one", "--groups", "2")
    (folder / "documents.jsonl").rename(folder / "gone.jsonl")
    with pytest.raises(UsageError, match=r"own_probe: no documents.jsonl beside its YAML"):
        loaded(folder)
    yaml = folder / "own_probe.yaml"
    yaml.write_text(yaml.read_text().replace("generator: '1.0'", "generator: '0.9'"))
    with pytest.raises(UsageError, match=r"made by generator '0.9', this version has '1.0'"):
        loaded(folder)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--rows", "4"], "a 4 x 4 grid needs 17 pictures with different captions, there are 16"),
        (["--rows", "1"], "--rows=1: should be greater than or equal to 2"),
        (["--distractors", "easy"], "--distractors='easy': should be 'random' or 'hard'"),
        (["--name", "my probe"], "--name my probe: use letters, digits, _ and - only"),
        (["--name", "spatial_probe"], "--name spatial_probe: there is a task of that name"),
        (["--name", "mmstar"], "--name mmstar: there is a task of that name"),
        (["--dataset", "x"], "give one source of pictures"),
        (["--emoji"], "give one source of pictures"),
        (["--split", "test"], "--subset, --split and --first belong to --dataset"),
        (["--caption-column", "c"], "--caption-column c: captions.jsonl has file_name, caption"),
    ],
)
def test_a_wrong_command_is_one_line(
    source: Path, tmp_path: Path, options: list[str], line: str
) -> None:
    given = ["--pictures", source / "pictures", "--captions", source / "captions.jsonl"]
    result = probe("build", *given, "--output", tmp_path / "o", *options)
    assert result.exit_code == 2
    assert line in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_sources_are_complete(source: Path, tmp_path: Path) -> None:
    result = probe("build", "--pictures", source / "pictures", "--output", tmp_path / "o")
    assert "--pictures and --captions belong together" in result.stderr
    options = ["--emoji", "--image-column", "x"]
    result = probe("build", *options, "--output", tmp_path / "o")
    assert "emoji have no columns" in result.stderr


def test_what_is_there_is_never_overwritten(source: Path, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.txt").write_text("mine")
    given = ["--pictures", source / "pictures", "--captions", source / "captions.jsonl"]
    for output in (tmp_path / "o", tmp_path / "o" / "thesis.txt"):
        result = probe("build", *given, "--output", output)
        assert result.exit_code == 2
        assert "it is there already; give a new folder" in result.stderr
    assert bytes_in(tmp_path).keys() == {"o/thesis.txt"}
    (tmp_path / "empty").mkdir()
    assert built(source, tmp_path / "empty", "--groups", "1")  # an empty folder is no loss


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """A picture that is another one the second time it is read."""
    reads: dict[int, int] = {}

    def reader(number: int) -> bytes:
        reads[number] = reads.get(number, 0) + 1
        seed = number if number < 9 or reads[number] == 1 else 99
        path = tmp_path / "p.png"
        draw_picture("red star", seed, 16).save(path)
        data = path.read_bytes()
        path.unlink()
        return data

    found = [Candidate(f"p{i}", f"caption {i}", lambda i=i: reader(i)) for i in range(10)]
    spec = CaptionedSpec(groups=9)
    with pytest.raises(UsageError, match="p9: it changed while"), Progress(disable=True) as bar:
        build((found, []), spec, tmp_path / "o", "name", bar)
    assert not list(tmp_path.iterdir())


def test_namesakes_and_strays_are_told(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "s")
    draw_picture("pink cup", 5, 30).save(tmp_path / "s" / "pictures" / "stray.png")
    draw_picture("red circle", 77, 30).save(tmp_path / "s" / "pictures" / "namesake.png")
    with (tmp_path / "s" / "captions.jsonl").open("a") as listed:
        listed.write('{"file_name": "namesake.png", "caption": "Red circle."}\n')
    given = ["--pictures", tmp_path / "s/pictures", "--captions", tmp_path / "s/captions.jsonl"]
    result = probe("build", *given, "--output", tmp_path / "o", "--groups", "1")
    assert "pictures without a caption are left out: stray.png" in result.stdout
    assert "1 pictures share a caption with another; they never meet" in result.stdout
    assert "pictures are on no canvas, and were not copied" in result.stdout
    assert "--include_path" in result.stdout
    shown = len(list((tmp_path / "o" / "pictures").iterdir()))
    assert shown == 9


def test_emoji_of_a_font_become_a_probe(tmp_path: Path) -> None:
    font = colour_font(tmp_path / "emoji.ttf", range(0x1F400, 0x1F400 + 6))
    options = ["--emoji-font", font, "--rows", "2", "--groups", "2", "--canvas", "200"]
    result = probe("build", *options, "--output", tmp_path / "o")
    assert result.exit_code == 0, result.stderr
    results = evaluate(
        Puppet(lambda d: d["answer"]), ["own_probe"], manager=manager(tmp_path / "o")
    )
    assert results["results"]["own_probe"]["balanced_accuracy,none"] == 1
