"""The archives of a release: complete, equal however they are built, and at work elsewhere."""

from __future__ import annotations

import ast
import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lmms_bapa import __version__

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def build(tree: Path, target: Path, *only: str) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target), *only],
        cwd=tree, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, bytes]:
    (path,) = built.glob("*.whl")
    return contents(path)


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive's folder."""
    (path,) = built.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Message:
    (name,) = [n for n in wheel if n.endswith(".dist-info/METADATA")]
    return email.message_from_string(wheel[name].decode())


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(pattern: str) -> set[str]:
    found = {p for p in ROOT.glob(pattern) if p.is_file() and "__pycache__" not in p.parts}
    return {p.relative_to(ROOT).as_posix() for p in found}


def test_the_wheel_is_complete_and_has_nothing_else(wheel: dict[str, bytes]) -> None:
    yaml_files = {f"lmms_bapa/{name}" for name in files("tasks/**/*") | files("model_configs/*")}
    package = files("lmms_bapa/**/*")
    assert len(files("lmms_bapa/embedded/weights/*/*")) >= 4 * 10
    assert "lmms_bapa/py.typed" in package
    about = {name for name in wheel if name.startswith(f"lmms_bapa-{__version__}.dist-info/")}
    assert set(wheel) - about == yaml_files | package
    assert {Path(name).name for name in about} == {
        *("METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE")
    }
    assert sum(map(len, wheel.values())) < 14_000_000


def test_the_source_archive_holds_what_building_and_testing_need(unpacked: Path) -> None:
    names = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    folders = ("lmms_bapa", "tasks", "model_configs", "tests", "benchmarks", "docs", ".ci")
    wanted = set[str]().union(*(files(f"{folder}/**/*") for folder in folders))
    wanted |= files("*.md") | files("*.py") | files("*.cff") | files("*.toml") | files("*.yml")
    wanted |= {"LICENSE", "Makefile", ".gitignore"}
    assert names == wanted | {"PKG-INFO"}


def test_both_give_the_same_wheel(wheel: dict[str, bytes], unpacked: Path, tmp_path: Path) -> None:
    (again,) = build(unpacked, tmp_path, "-t", "wheel").glob("*.whl")
    assert contents(again) == wheel


def test_licence(wheel: dict[str, bytes], metadata: Message) -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    (inside,) = [n for n in wheel if n.endswith("licenses/LICENSE")]
    assert wheel[inside].decode() == text
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert metadata["License-Expression"] == "Apache-2.0"


def test_metadata(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("lmms-bapa", __version__)
    assert metadata["Requires-Python"] == PROJECT["project"]["requires-python"]
    assert set(metadata.get_all("Provides-Extra") or []) == set(
        PROJECT["project"]["optional-dependencies"]
    )
    assert metadata["Summary"]


def test_the_description_reads_well_where_there_is_no_repository(metadata: Message) -> None:
    text = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert isinstance(text, str)
    targets = re.findall(r"\]\(([^)]*)\)", text)
    assert [t for t in targets if not t.startswith("https://")] == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    words = re.sub(r"!\[[^]]*\]\([^)]*\)|\]\([^)]*\)|[\[\]]", "", readme).split()
    plain = re.sub(r"\]\([^)]*\)|[\[\]]", "", text).split()
    assert plain[: len(words)] == words


def test_one_version(unpacked: Path) -> None:
    literal = re.compile(rf"\b{re.escape(__version__)}\b")
    kinds = ("*.py", "*.toml", "*.cff", "Makefile", "docs/**/*.md", "lmms_bapa/**/*.py")
    paths = {path for kind in kinds for path in unpacked.glob(kind)}
    named = {
        path.relative_to(unpacked).as_posix()
        for path in paths
        if any(
            literal.search(line) and re.search(r"version|lmms.bapa", line, re.IGNORECASE)
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    }
    assert named <= {"lmms_bapa/__init__.py", "CITATION.cff"}
    assert "version" in PROJECT["project"]["dynamic"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == __version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog
    released = re.findall(r"^## \[(\d[^]]*)\] - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    if released:  # before the first release nothing has a date
        assert released[0] == (__version__, str(citation["date-released"]))
    else:
        assert "date-released" not in citation


def test_citation() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["license"] == PROJECT["project"]["license"]
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
        assert all({"family-names", "given-names"} == set(name) for name in reference["authors"])
    identifiers = {r["identifiers"][0]["value"] for r in citation["references"]}
    assert identifiers == {"arXiv:2509.21984v1", "arXiv:2509.21984v2"}


def imported(folder: str) -> set[str]:
    """Top names that the modules of a folder import, its own and the library's left out."""
    names: set[str] = set()
    for name in files(f"{folder}/**/*.py"):
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    own = {"lmms_bapa", "tests", "benchmarks"}
    return {n for n in names if n not in sys.stdlib_module_names} - own


def declared(*extras: str) -> set[str]:
    project = PROJECT["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name) for line in lines}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("lmms_bapa", ["plots", "vllm", "vllm-cpu"]),
        ("tests", ["plots", "tests", "vllm", "vllm-cpu"]),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: list[str]) -> None:
    brought_by = packages_distributions()
    missing = {
        name
        for name in imported(folder)
        if not {canonicalize_name(d) for d in brought_by.get(name, [name])} & declared(*extras)
    }
    assert not missing


def test_the_wheel_works_outside_the_checkout(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import lmms_bapa, sys; from lmms_bapa.harness.discovery import register_tasks;"
        "register_tasks(); from lmms_eval.tasks import TaskManager;"
        "print(sorted(TaskManager(include_defaults=False).all_tasks));"
        "from transformers import AutoModelForImageTextToText as M, AutoProcessor as P;"
        "from lmms_bapa.embedded import EMBEDDED, embedded_path;"
        "print([type(M.from_pretrained(embedded_path(n))).__name__ for n in EMBEDDED]);"
        "from lmms_bapa.harness import presets; print(presets.preset_names());"
        "print(lmms_bapa.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tasks, models, adapters, place = done.stdout.strip().splitlines()[-4:]
    assert "'spatial_probe_hard_5x5'" in tasks
    assert models.count("LlavaForConditionalGeneration") == 4
    assert "'llava_bapa'" in adapters
    assert place.startswith(str(tmp_path))
