"""The frame of exporters: what is chosen, that all is written or nothing, and that it repeats."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.errors import UsageError
from lmms_bapa.export import EXPORTERS, Exporter, ExportFile
from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import folder_name, open_source
from lmms_bapa.export.write import write_files
from lmms_bapa.results.findings import compare_all
from lmms_bapa.results.folders import read_runs
from lmms_bapa.statistics.paired import holm

from .documents import ROOT
from .result_folders import noisy, plain_samples, probe_samples, write_run

LABELS = ("off", "agci_lambda=0.3", "bapa=true")


def invoke(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["export", *map(str, arguments)])
    return done.exit_code, done.output


def write_settings(folder: Path, tasks: tuple[str, ...] = ("t",)) -> Path:
    """A run for each setting, as plain ``lmms-eval`` leaves them in folders side by side."""
    for number, label in enumerate(LABELS):
        more = "" if label == "off" else f",{label}"
        shares = {task: 0.5 + 0.2 * number for task in tasks}
        samples = {
            task: probe_samples(noisy(lambda _, s=share: s, seed=number), groups=4)
            for task, share in shares.items()
        }
        write_run(folder / label, samples, f"pretrained=micro-llava{more}")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_settings(tmp_path_factory.mktemp("runs"), ("t", "u"))


def text(path: str, content: str = "x") -> ExportFile:
    return ExportFile.text(path, content)


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder, hidden files too; None for folders."""
    return {
        str(place.relative_to(folder)): place.read_bytes() if place.is_file() else None
        for place in folder.rglob("*")
    }


class TestWriting:
    def test_all_is_written(self, tmp_path: Path) -> None:
        places = write_files([text("a"), text("b/c", "y")], tmp_path / "new" / "out")
        assert places == [tmp_path / "new" / "out" / name for name in ("a", "b/c")]
        assert tree(tmp_path / "new" / "out") == {"a": b"x", "b": None, "b/c": b"y"}

    def test_nothing_is_written_if_a_later_file_fails(self, tmp_path: Path) -> None:
        def files() -> Iterator[ExportFile]:
            yield text("a")
            yield text("b/c")
            raise UsageError("no figures")

        with pytest.raises(UsageError, match="no figures"):
            write_files(files(), tmp_path / "new" / "out")
        assert tree(tmp_path) == {}

    def test_an_interrupt_leaves_nothing(self, tmp_path: Path) -> None:
        def files() -> Iterator[ExportFile]:
            yield text("a")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_files(files(), tmp_path / "out")
        assert tree(tmp_path) == {}

    def test_a_failure_half_way_puts_the_old_files_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of three moves the last fails: the disk is full, or somebody took a folder away."""
        write_files([text("a", "old"), text("d/c", "old")], tmp_path)
        before, replace = tree(tmp_path), os.replace

        def failing(source: Path, target: Path) -> None:
            if Path(source).name == "c" and Path(target) == tmp_path / "d" / "c":
                raise OSError(28, "No space left on device", str(target))
            replace(source, target)

        monkeypatch.setattr(os, "replace", failing)
        with pytest.raises(UsageError, match="No space left"):
            write_files([text("a", "new"), text("e/b"), text("d/c", "new")], tmp_path, True)
        assert tree(tmp_path) == before

    def test_a_file_that_differs_is_not_replaced(self, tmp_path: Path) -> None:
        write_files([text("a", "old")], tmp_path)
        with pytest.raises(UsageError, match="another content: add --overwrite"):
            write_files([text("0", "new"), text("a", "new")], tmp_path)
        assert tree(tmp_path) == {"a": b"old"}
        write_files([text("a", "old"), text("b")], tmp_path)  # the same again is no harm
        write_files([text("a", "new")], tmp_path, overwrite=True)
        assert tree(tmp_path) == {"a": b"new", "b": b"x"}

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_folder_in_place_of_a_file(self, tmp_path: Path, overwrite: bool) -> None:
        (tmp_path / "z").mkdir()
        with pytest.raises(UsageError, match="a folder, not a file"):
            write_files([text("a"), text("z")], tmp_path, overwrite)
        assert tree(tmp_path) == {"z": None}

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_file_in_place_of_a_folder(self, tmp_path: Path, overwrite: bool) -> None:
        (tmp_path / "z").write_text("mine")
        with pytest.raises(UsageError, match="a file, not a folder"):
            write_files([text("a"), text("z/b")], tmp_path, overwrite)
        with pytest.raises(UsageError, match="cannot write"):
            write_files([text("a")], tmp_path / "z" / "out", overwrite)
        assert tree(tmp_path) == {"z": b"mine"}

    @pytest.mark.parametrize("paths", [("a", "a"), ("a/b", "a/./b"), ("a/b", "a")])
    def test_two_files_of_one_path(self, tmp_path: Path, paths: tuple[str, str]) -> None:
        with pytest.raises(ValueError, match="two files"):
            write_files([text(path) for path in paths], tmp_path)
        assert tree(tmp_path) == {}

    @pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ""])
    def test_outside_the_folder(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(ValueError, match="outside"):
            write_files([ExportFile(PurePosixPath(path), b"x")], tmp_path / "out")
        assert tree(tmp_path) == {}

    def test_nothing_to_write(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="nothing to export"):
            write_files([], tmp_path / "out")
        assert tree(tmp_path) == {}


class TestSource:
    def test_settings_and_tasks(self, runs: Path) -> None:
        source = open_source(runs, ["bapa=true"], ["u"])
        assert [(run.label, task) for run, task in source.pairs()] == [("bapa=true", "u")]
        assert [run.label for run in open_source(runs).runs] == list(LABELS)
        assert [run.label for run in source.everything] == list(LABELS)

    def test_a_single_file(self, runs: Path) -> None:
        (file,) = (runs / "off").rglob("*_results.json")
        source = open_source(file)
        assert [run.label for run in source.runs] == ["off"]
        assert source.manifest(source.runs[0]) is None
        assert source.comparisons == {}  # nothing to compare with

    @pytest.mark.parametrize(
        ("chosen", "message"),
        [
            ({"settings": ["bapa=tru"]}, "--setting bapa=tru: did you mean bapa=true"),
            ({"tasks": ["v"]}, "--tasks v: known are t, u"),
        ],
    )
    def test_what_is_not_there(
        self, runs: Path, chosen: dict[str, list[str]], message: str
    ) -> None:
        with pytest.raises(UsageError, match=message):
            open_source(runs, **chosen)

    def test_a_choice_of_settings_does_not_shrink_the_family(self, runs: Path) -> None:
        """Holm's correction is over what was run, not over what is shown of it."""
        whole, chosen = open_source(runs), open_source(runs, ["off", "bapa=true"])
        assert chosen.comparisons["bapa=true", "t"] == whole.comparisons["bapa=true", "t"]
        everything = compare_all(read_runs(runs))
        found = [whole.comparisons[c.second, c.task] for c in everything]
        assert [c.p_holm for c in found] == holm([c.p for c in everything])
        assert len(everything) == 4  # two settings on two tasks

    def test_interventions(self, runs: Path) -> None:
        source = open_source(runs)
        names = [[i.name for i in source.interventions(run)] for run in source.runs]
        assert names == [[], ["agci"], ["bapa"]]

    @pytest.mark.parametrize("name", ["a/b", "../a", "a b", 'a"b', "a\nb", "a:b"])
    def test_names_of_folders(self, name: str) -> None:
        assert "/" not in folder_name(name)
        assert set(folder_name(name)) <= set("ab._")

    def test_a_note_is_told_once(self, runs: Path) -> None:
        source = open_source(runs)
        source.note("one")
        source.note("one")
        assert source.notes == ["one"]


class TestCommand:
    def test_writes_beside_the_runs(self, tmp_path: Path) -> None:
        folder = write_settings(tmp_path)
        status, said = invoke(folder, "--to", "csv")
        assert status == 0, said
        told = {line for line in said.splitlines() if line.startswith(str(folder / "export"))}
        there = {str(p) for p in (folder / "export" / "csv").rglob("*") if p.is_file()}
        assert told == there != set()
        before = tree(folder)
        assert invoke(folder, "--to", "csv")[0] == 0  # the same bytes: nothing to refuse
        assert tree(folder) == before
        assert [run.label for run in read_runs(folder)] == list(LABELS)  # an export is no run

    def test_one_file_in_another_folder(self, runs: Path, tmp_path: Path) -> None:
        (file,) = (runs / "bapa=true").rglob("*_results.json")
        status, said = invoke(file, "--to", "csv", "--tasks", "u", "--output", tmp_path / "o")
        assert status == 0, said
        shown = b"".join(content or b"" for content in tree(tmp_path / "o").values())
        assert b"bapa=true" in shown
        assert b"agci" not in shown

    def test_paths_and_notes_are_told_apart(self, tmp_path: Path) -> None:
        """What another program reads is on standard output, and nothing else is."""
        folder = tmp_path / "runs"
        write_run(folder, {"t": plain_samples([1.0])}, results={"t": {"accuracy,none": 1.0}})
        next(folder.rglob("*.jsonl")).unlink()
        given = ["export", str(folder), "--to", "every-eval-ever", "organization=A"]
        done = CliRunner().invoke(app, [*given, "relationship=other"])
        assert done.exit_code == 0, done.output
        assert [Path(line).is_file() for line in done.stdout.splitlines()] == [True]
        assert "no samples were logged" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "name the results and a format"),
            (["runs"], "name the results and a format"),
            (["runs", "--to", "cvs"], "did you mean csv?"),
            (["runs", "--to", "csv", "note"], "write options as name=value"),
            (["runs", "--to", "csv", "--setting", "on"], "--setting on"),
            (["nowhere", "--to", "csv"], "no such file or folder"),
            (["runs", "--to", "every-eval-ever"], "needs organization=...: who measured"),
            (
                ["runs", "--to", "every-eval-ever", "organization=a", "organization=b"],
                "organization is given twice",
            ),
        ],
    )
    def test_mistakes_are_one_line(
        self, runs: Path, tmp_path: Path, arguments: list[str], message: str
    ) -> None:
        places = {"runs": runs, "nowhere": tmp_path / "nowhere"}
        before = tree(runs)
        status, said = invoke(*(places.get(a, a) for a in arguments))
        assert status == 2
        assert message in said
        assert len(said.strip().splitlines()) == 1
        assert tree(runs) == before

    def test_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "160")
        status, said = invoke("--list")
        assert status == 0
        assert all(name in said for name in EXPORTERS)


class TestExporters:
    @pytest.mark.parametrize("name", sorted(EXPORTERS))
    def test_says_what_it_does(self, name: str) -> None:
        kind = EXPORTERS[name]
        assert kind.summary
        assert kind.model_config.get("extra") == "forbid"
        assert [key for key, f in kind.model_fields.items() if not f.description] == []

    @pytest.mark.parametrize("name", sorted(EXPORTERS))
    def test_is_documented(self, name: str) -> None:
        """The name, and every option of it, stand in docs/export.md."""
        page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
        assert f"`{name}`" in page or f"## {name}" in page
        assert [key for key in EXPORTERS[name].model_fields if f"`{key}`" not in page] == []

    def test_a_name_is_taken_once(self) -> None:
        from lmms_bapa.export.registry import register

        class Other(Exporter):
            name = "csv"
            summary = "another one"

        with pytest.raises(ValueError, match="two exporters are called 'csv'"):
            register(Other)

    def test_the_same_bytes_again(self, runs: Path) -> None:
        def made() -> dict[PurePosixPath, bytes]:
            exporter = make_exporter("csv")
            return {file.path: file.content for file in exporter.files(open_source(runs))}

        assert made() == made()
