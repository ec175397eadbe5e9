"""A file is whole, or it is as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lmms_bapa.whole_file import partial, write_whole


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "sweep.yaml"
    write_whole(target, "first")

    def broken(*paths: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        write_whole(target, "second")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["first"]


def test_what_a_kill_left_is_used_up(tmp_path: Path) -> None:
    target = tmp_path / "sweep.yaml"
    partial(target).write_text("half of a much longer text")
    write_whole(target, "all")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["all"]


def test_who_may_read_it_is_as_for_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
