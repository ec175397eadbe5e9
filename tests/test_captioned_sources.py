"""Where captioned pictures come from, and what is refused in one line."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image, ImageFile

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned import emoji
from lmms_bapa.probes.captioned.items import Candidate, collect
from lmms_bapa.probes.captioned.pixels import decode, fit
from lmms_bapa.probes.captioned.sources import from_dataset, from_folder
from lmms_bapa.probes.captioned.tables import read_rows

from .captioned_pictures import drawn_pictures
from .colour_font import colour_font


def png(colour: Any = "red", size: tuple[int, int] = (20, 10), mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, format="PNG")
    return stream.getvalue()


COCO = {
    "info": {},
    "images": [{"id": 7, "file_name": "b.png"}, {"id": 5, "file_name": "a.png"}],
    "annotations": [
        {"id": 1, "image_id": 5, "caption": "a cat, asleep"},
        {"id": 2, "image_id": 7, "caption": "two dogs"},
    ],
}
ROWS = [{"image": "a.png", "caption": "a cat, asleep"}, {"image": "b.png", "caption": "two dogs"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", json.dumps(ROWS)),
        ("c.json", json.dumps(COCO)),
        ("c.json", "\n".join(map(json.dumps, ROWS))),
        ("c.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("c.json", '{"a.png": "a cat, asleep", "b.png": "two dogs"}'),
        ("c.csv", 'image,caption\na.png,"a cat, asleep"\nb.png,two dogs\n'),
        ("c.tsv", "image\tcaption\r\na.png\ta cat, asleep\r\nb.png\ttwo dogs\r\n"),
        ("c.csv", '\ufeffimage,caption\na.png,"a cat, asleep"\nb.png,two dogs\n'),
    ],
)
def test_every_form_of_a_list_has_the_same_rows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_rows(tmp_path / name) == ROWS


def test_one_object_is_a_row_if_it_names_a_picture(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(ROWS[0]))
    assert read_rows(tmp_path / "c.json") == ROWS[:1]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("c.json", b'[{"image": 1,]', "c.json, line 1: not JSON"),
        ("c.jsonl", b'{"image": "a"}\n{"image"', "c.jsonl, line 2: not JSON"),
        ("c.jsonl", b"[1]\n", "c.jsonl, row 1: it is not an object with names"),
        (
            "c.json",
            json.dumps({**COCO, "annotations": [{"image_id": 5, "bbox": []}]}).encode(),
            "looks like COCO's captions, but lacks 'caption'",
        ),
        ("c.json", b"3", "holds neither a list nor an object"),
        ("c.json", b"[]", "has no rows"),
        ("c.csv", b"image,caption\na.png,a cat, asleep\n", "row 1: it has not as many fields"),
        ("c.csv", b"image,caption\na.png\n", "row 1: it has not as many fields"),
        ("c.csv", b"image,caption\n\xff\xfe,x\n", "cannot be read: it is not UTF-8 text"),
        ("c.parquet", b"PAR1", "the name must end in .json, .jsonl or .csv"),
        (None, b"", "cannot be read: No such file or directory"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str | None, content: bytes, line: str
) -> None:
    path = tmp_path / (name or "nowhere.json")
    if name:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_rows(path)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_gives_its_listed_pictures_and_says_what_is_left_out(tmp_path: Path) -> None:
    listed = drawn_pictures(tmp_path, 12, 32)
    rows = [json.loads(line) for line in listed.read_text().splitlines()]
    (tmp_path / "pictures" / "inner").mkdir()
    (tmp_path / "pictures" / "inner" / "extra.png").write_bytes(png())
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    with listed.open("a") as more:
        more.write(json.dumps({"file_name": rows[0]["file_name"], "caption": "another"}) + "\n")
    found, remarks = from_folder(tmp_path / "pictures", listed, None, None)
    assert [(c.name, c.caption) for c in found] == [(r["file_name"], r["caption"]) for r in rows]
    assert found[3].read() == (tmp_path / "pictures" / rows[3]["file_name"]).read_bytes()
    assert remarks == [
        "captions left out, since their picture has one: 1",
        "pictures without a caption are left out: inner/extra.png",
    ]


def test_columns_can_be_named_and_captions_may_be_lists(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(png())
    (tmp_path / "l.json").write_text(json.dumps([{"pic": "x.png", "all": ["one\n  line", "two"]}]))
    ((only,), _) = from_folder(tmp_path, tmp_path / "l.json", "pic", "all")
    assert only.caption == "one line"
    with pytest.raises(UsageError, match=r"l.json has pic, all: say which column with --image-col"):
        from_folder(tmp_path, tmp_path / "l.json", None, "all")
    with pytest.raises(UsageError, match=r"--caption-column text: l.json has pic, all"):
        from_folder(tmp_path, tmp_path / "l.json", "pic", "text")


def test_captions_of_missing_pictures_are_refused(tmp_path: Path) -> None:
    listed = drawn_pictures(tmp_path, 12, 16)
    gone = sorted((tmp_path / "pictures").iterdir())[:3]
    for path in gone:
        path.unlink()
    with pytest.raises(UsageError) as caught:
        from_folder(tmp_path / "pictures", listed, None, None)
    assert str(caught.value).endswith(" and 2 more")
    assert any(path.name in str(caught.value) for path in gone)


def candidates(*given: tuple[str, bytes]) -> list[Candidate]:
    return [
        Candidate(f"p{i}", caption, lambda data=data: data)
        for i, (caption, data) in enumerate(given)
    ]


def test_a_picture_counts_once_under_its_first_caption() -> None:
    items, remarks = collect(candidates(("A cat", png()), ("a dog", png()), ("Cat", png("blue"))))
    assert [item.caption for item in items] == ["A cat", "Cat"]
    assert remarks == ["pictures left out as copies of others: 1"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no picture", "not a picture"),
        (png()[:-30], "p1 ("),
        (png(size=(600, 10)), "600 x 10 px is too thin"),
        (png(mode="I;16", colour=700), "more than 8 bits a channel"),
    ],
    ids=["text", "cut off", "thin", "16 bit"],
)
def test_pictures_that_cannot_be_used_are_named(
    data: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as some libraries set it
    with pytest.raises(UsageError) as caught:
        collect(candidates(("fine", png()), ("bad", data), ("bad too", data)))
    assert str(caught.value).startswith("pictures that cannot be used: p1 (")
    assert str(caught.value).endswith(" and 1 more")
    assert why in str(caught.value)


def test_an_empty_caption_is_refused() -> None:
    with pytest.raises(UsageError, match="pictures with an empty caption: p1"):
        collect(candidates(("fine", png()), ("", png("blue"))))


def test_a_picture_is_fitted_whole_in_the_middle_of_white() -> None:
    tile = np.asarray(fit(decode(png("red", (40, 20))), 60))
    is_red = (tile == (255, 0, 0)).all(-1)
    is_white = (tile == 255).all(-1)
    assert is_red[15:45].all()
    assert is_white[:15].all()
    assert is_white[45:].all()


def test_what_is_transparent_becomes_white_and_the_camera_is_turned() -> None:
    assert fit(decode(png((0, 0, 0, 0), mode="RGBA")), 8).getcolors() == [(64, (255, 255, 255))]
    image = Image.new("RGB", (40, 20), "blue")
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    stream = io.BytesIO()
    image.save(stream, format="PNG", exif=exif)
    tile = fit(decode(stream.getvalue()), 40)
    assert tile.getpixel((20, 1)) == (0, 0, 255)
    assert tile.getpixel((1, 20)) == (255, 255, 255)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def rows_with_pictures(count: int) -> datasets.Dataset:
    colours = [(i * 20, 10, 200 - i) for i in range(count)]
    rows = {
        "photo": [{"bytes": png(colour), "path": None} for colour in colours],
        "captions": [[f"caption {i}", "another"] for i in range(count)],
        "number": list(range(count)),
    }
    return datasets.Dataset.from_dict(rows).cast_column("photo", datasets.Image())


def test_a_data_set_gives_the_bytes_that_it_holds(cached: Path) -> None:
    folder = cached / "set" / "data"
    folder.mkdir(parents=True)
    rows_with_pictures(6).to_parquet(folder / "validation-00000.parquet")
    found, remarks = from_dataset(str(folder.parent), None, None, None, None, 4)
    assert [c.caption for c in found] == [f"caption {i}" for i in range(4)]
    assert found[2].read() == png((40, 10, 198))
    assert remarks == []
    with pytest.raises(UsageError, match=r"--image-column number: .* no pictures there, but in ph"):
        from_dataset(str(folder.parent), None, None, "number", None, None)


def test_a_folder_of_pictures_with_metadata_is_a_data_set(cached: Path) -> None:
    listed = drawn_pictures(cached, 12, 16)
    shutil.move(listed, cached / "pictures" / "metadata.jsonl")
    found, _ = from_dataset(str(cached / "pictures"), None, None, None, None, None)
    by_caption = {c.caption: c.read() for c in found}
    assert by_caption["red circle"] == (cached / "pictures" / "red-circle.png").read_bytes()
    assert len(by_caption) == 12


def test_a_split_must_be_named_where_there_are_two(cached: Path) -> None:
    folder = cached / "set" / "data"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        rows_with_pictures(2).to_parquet(folder / f"{split}-00000.parquet")
    with pytest.raises(UsageError, match="has the splits train, test: name one with --split"):
        from_dataset(str(folder.parent), None, None, None, None, None)
    assert len(from_dataset(str(folder.parent), None, "test", None, None, None)[0]) == 2
    with pytest.raises(UsageError, match=r"the data set .*nowhere cannot be loaded: "):
        from_dataset(str(cached / "nowhere"), None, None, None, None, None)


def test_emoji_are_drawn_in_colour_and_called_by_their_names(tmp_path: Path) -> None:
    codes = [0x1F600, 0x1F431, 0x1F680]
    font = colour_font(tmp_path / "emoji.ttf", codes)
    found, _ = emoji.from_emoji(str(font))
    assert [c.caption for c in found] == ["cat face", "grinning face", "rocket"]
    images = [decode(c.read()) for c in found]
    assert len({image.tobytes() for image in images}) == 3
    # The font's own colour, which is not black: see colour_font.
    assert all(image.getpixel((image.width // 2, image.height // 2))[0] == 250 for image in images)


def test_no_emoji_font_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoji, "FONTS", (("NoSuchEmojiFont.ttf", 109),))
    with pytest.raises(UsageError, match=r"^no colour-emoji font is installed: install one"):
        emoji.from_emoji()
    with pytest.raises(UsageError, match="not a font that can be read"):
        emoji.from_emoji(str(tmp_path / "none.ttf"))
    plain = colour_font(tmp_path / "plain.ttf", [0x1F600], coloured=False)
    with pytest.raises(UsageError, match="the font Plain draws no emoji in colour here"):
        emoji.from_emoji(str(plain))
