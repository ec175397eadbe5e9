"""``lmms-bapa probe import-laion``: a copy is taken in whole, or one line says why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .captioned_pictures import laion_copy, take_in

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return laion_copy(tmp_path_factory.mktemp("laion"), groups=4)


def test_json_lines_do_as_well(copy: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        "\n".join(map(json.dumps, json.loads(copy[0].read_text())))
    )
    assert take_in(tmp_path / "rows.jsonl", copy[1], tmp_path / "o").exit_code == 0
    assert take_in(*copy, tmp_path / "p").exit_code == 0
    one, two = ((tmp_path / name / "documents.jsonl").read_bytes() for name in "op")
    assert one == two


def edit(rows: Rows, number: int, **changes: Any) -> Rows:
    return [{**row, **changes} if i == number else row for i, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda r: edit(r, 4, position="middle"), "row 5 (id 019920000) has 'middle'"),
        (lambda r: r[:4] + r[5:], "groups that are not nine rows, one caption at nine positions: "
         "from row 1 (id 019920000) on and 3 more"),
        (lambda r: r + r[:1], "rows that stand there twice: row 37 (id 019920000) is row 1 again"),
        (lambda r: edit(r, 7, caption="other"), "nine positions: from row 1 (id 019920000) on"),
        (lambda r: edit(r, 7, caption=" "), "rows with an empty caption: row 8 (id 019920000)"),
        (lambda r: edit(r, 7, answer="maybe"), "neither Yes nor No: row 8 (id 019920000) has"),
        (lambda r: edit(r, 7, answer="No"), "nine positions: from row 1 (id 019920000) on"),
        (lambda r: [{k: v for k, v in row.items() if k != "id"} for row in r],
         "rows without 'id': row 1 and 35 more"),
        (lambda r: edit(r, 3, image="../x.jpg"), "file name inside the folder: row 4 has '../x.j"),
        (lambda r: edit(r, 3, image="x.jpg"), "canvases not in "),
    ],
)  # fmt: skip
def test_rows_that_are_not_as_published_are_one_line(
    copy: tuple[Path, Path], tmp_path: Path, change: Callable[[Rows], Rows], line: str
) -> None:
    listed = tmp_path / "rows.json"
    listed.write_text(json.dumps(change(json.loads(copy[0].read_text()))))
    result = take_in(listed, copy[1], tmp_path / "o")
    assert result.exit_code == 2
    assert line in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]


def test_corrupt_canvases_are_named(copy: tuple[Path, Path], tmp_path: Path) -> None:
    images = shutil.copytree(copy[1], tmp_path / "images")
    names = sorted(path.name for path in images.iterdir())
    (images / names[3]).write_bytes((images / names[3]).read_bytes()[:500])
    (images / names[5]).write_bytes(b"<html>404</html>")
    result = take_in(copy[0], images, tmp_path / "o")
    assert result.exit_code == 2
    assert f"that cannot be decoded: {names[3]} (" in result.stderr
    assert result.stderr.strip().endswith(" and 1 more")
    assert not (tmp_path / "o").exists()
    missing = take_in(copy[0], tmp_path / "nowhere", tmp_path / "o")
    assert "nowhere: no such folder" in missing.stderr


def test_names_of_positions_as_answers_count_as_yes(
    copy: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = [{**row, "answer": row["position"]} for row in json.loads(copy[0].read_text())]
    rows = edit(rows, 2, image=rows[3]["image"])
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    result = take_in(tmp_path / "rows.json", copy[1], tmp_path / "o")
    assert result.exit_code == 0, result.stderr
    assert "36 answers are names of positions and count as Yes" in result.stdout
    assert "not that of the position: 019920000_3.jpg" in result.stdout
    assert "canvases that are not 840 x 840 px: 019920000_0.jpg and 34 more" in result.stdout


def test_without_hard_links_canvases_are_copied(
    copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    result = take_in(*copy, tmp_path / "o")
    assert "36 canvases were copied: the file system has no hard links here" in result.stdout
    for path in copy[1].iterdir():
        twin = tmp_path / "o" / "pictures" / path.name
        assert twin.read_bytes() == path.read_bytes()
        assert not twin.samefile(path)


def test_what_is_there_is_left_alone(copy: tuple[Path, Path]) -> None:
    result = take_in(*copy, copy[1])
    assert result.exit_code == 2
    assert "it is there already; give a new folder" in result.stderr
