"""The folder of a sweep: taken by one, completed by the same, refused to others."""

from __future__ import annotations

import fcntl
import itertools
import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.places import check_place
from lmms_bapa.provenance.manifest import Manifest, ModelFacts, TaskFacts
from lmms_bapa.sweep.config import SweepConfig, read_config
from lmms_bapa.sweep.folder import SweepFolder, check_room, held
from lmms_bapa.sweep.plan import Setting

GIVEN: dict[str, Any] = {
    "model_args": "pretrained=micro-llava",
    "tasks": "spatial_probe_lite",
    "grid": {"agci_lambda": [0, 0.3]},
}
STOCK, AGCI = Setting(), Setting({"agci_lambda": 0.3})


def config(**changes: Any) -> SweepConfig:
    return read_config(None, GIVEN | changes)


def conditions(**changes: Any) -> Manifest:
    told: dict[str, Any] = {
        "versions": {"torch": "2.6.0", "lmms-bapa": "1"},
        "model": ModelFacts(pretrained="micro-llava", weights_sha256="a" * 64),
        "tasks": {"spatial_probe_lite": TaskFacts(metadata={"generator": 3})},
    }
    return Manifest(kind="sweep", date="", model_args="", asked=[], **(told | changes))


@pytest.fixture
def begun(tmp_path: Path) -> SweepFolder:
    """A sweep that answered something."""
    with held(tmp_path / "x") as folder:
        folder.check(config())
        folder.begin(config(), conditions())
        folder.clear(STOCK)
        folder.journal(STOCK, 0).write_text("{}\n")
    return folder


def test_a_second_sweep_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    other = os.open(tmp_path / "x" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)  # as another process would have it
    with (
        pytest.raises(UsageError, match="another sweep is writing there: wait for it, or give"),
        held(tmp_path / "x"),
    ):
        pass
    os.close(other)  # as the system does when that process is killed
    with held(tmp_path / "x"):
        again = os.open(tmp_path / "x" / ".lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(again)


def test_a_refused_sweep_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wrong"), held(tmp_path / "a" / "b"):
        raise UsageError("wrong")
    assert not (tmp_path / "a" / "b").exists()


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "off").mkdir()
    (tmp_path / "off" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds other files, such as off"):
        SweepFolder(tmp_path).check(config())


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(UsageError, match="file is not a folder: give another --output"):
            check_place(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="no permission to write"):
        check_place(tmp_path / "x")


def test_a_folder_that_cannot_be_made_is_said() -> None:
    with pytest.raises(UsageError, match="--output /proc/x: cannot be written to"):
        held(Path("/proc/x")).__enter__()


def test_too_little_room_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    check_room(tmp_path, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**20))
    with pytest.raises(UsageError, match="1 MiB are free there, and 9,000 answers need about"):
        check_room(tmp_path, 9000)


def test_the_same_sweep_goes_on(begun: SweepFolder) -> None:
    with held(begun.path) as folder:
        folder.check(config())
        folder.check_conditions(conditions())
        assert folder.journal(STOCK, 0).read_text() == "{}\n"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"limit": 18}, "another limit (None there, 18 here)"),
        ({"batch_size": 8}, "another batch_size (1 there, 8 here)"),
        ({"tasks": "spatial_probe"}, "another tasks"),
        ({"model_args": "pretrained=micro-llava-start"}, "another model_args"),
        ({"gen_kwargs": "max_new_tokens=3"}, "another gen_kwargs"),
        ({"grid": {"agci_lambda": [0, 0.4]}}, "grid (agci_lambda=0,0.3 there, agci_lambda=0,0.4"),
        ({"grid": {"agci_lambda": [0, 0.3], "bapa": [True]}}, "another grid"),
    ],
)
def test_another_sweep_is_refused(begun: SweepFolder, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        begun.check(config(**changes))
    assert line in str(caught.value)
    assert "give another --output, or delete that folder" in str(caught.value)


def test_more_values_are_welcome(begun: SweepFolder) -> None:
    begun.check(config(grid={"agci_lambda": [0, 0.1, 0.3]}))


def test_a_sweep_that_answered_nothing_may_be_corrected(begun: SweepFolder) -> None:
    begun.journal(STOCK, 0).unlink()
    begun.check(config(limit=18))
    begun.check_conditions(conditions(versions={"torch": "3"}))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"versions": {"torch": "2.7.0"}}, "torch: 2.6.0 and now 2.7.0"),
        ({"versions": {"lmms-bapa": "2"}}, "lmms-bapa: 1 and now 2"),
        (
            {"tasks": {"spatial_probe_lite": TaskFacts(metadata={"generator": 4})}},
            "spatial_probe_lite metadata: {'generator': 3} and now {'generator': 4}",
        ),
        (
            {"model": ModelFacts(pretrained="micro-llava", weights_sha256="b" * 64)},
            "model weights_sha256: aaaaaaaaaaaa... and now bbbbbbbbbbbb...",
        ),
    ],
)
def test_mixed_versions_are_refused(begun: SweepFolder, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        begun.check_conditions(conditions(**changes))
    assert "mixed versions" in str(caught.value)
    assert line in str(caught.value)
    assert "go on with what it was begun with" in str(caught.value)


def test_what_an_unfinished_setting_left_is_cleared_except_its_answers(begun: SweepFolder) -> None:
    place = begun.place(AGCI)
    (place / "model").mkdir(parents=True)
    for name in ("answers.jsonl", "answers.1.jsonl", "half.txt", "model/1_results.json"):
        (place / name).write_text("x")
    begun.clear(AGCI)
    assert sorted(p.name for p in place.iterdir()) == ["answers.1.jsonl", "answers.jsonl"]
    assert begun.journal(STOCK, 0).exists()


def test_a_setting_is_finished_by_its_manifest(begun: SweepFolder) -> None:
    assert not begun.is_finished(STOCK)
    (begun.place(STOCK) / "manifest.json").write_text("{}")
    assert begun.is_finished(STOCK)


@pytest.mark.parametrize("moment", range(1, 4))
def test_a_sweep_that_was_killed_while_it_began_goes_on(tmp_path: Path, moment: int) -> None:
    def killed() -> None:
        calls = itertools.count(1)

        def watch(event: str, _: Any) -> None:
            # Two files are put in place, then the folder of the pictures is made.
            if event in ("os.rename", "os.mkdir") and next(calls) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        with held(tmp_path) as folder:
            sys.addaudithook(watch)
            folder.begin(config(), conditions())

    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with held(tmp_path) as folder:
        folder.check(config())
        folder.begin(config(), conditions())
    names = {".lock", ".pictures", "conditions.json", "sweep.yaml"}
    assert {p.name for p in tmp_path.iterdir()} == names
