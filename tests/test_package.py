"""The wheel: complete, and at work outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=ROOT, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return target


def tracked(pattern: str) -> set[str]:
    return {str(p.relative_to(ROOT)) for p in ROOT.glob(pattern) if p.is_file()}


def test_the_wheel_and_the_source_archive_are_complete(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    inside = set(zipfile.ZipFile(wheel).namelist())
    yaml = {f"lmms_bapa/{name}" for name in tracked("tasks/*/*") | tracked("model_configs/*")}
    weights = tracked("lmms_bapa/embedded/weights/*/*")
    code = tracked("lmms_bapa/**/*.py")
    assert len(weights) >= 3 * 7
    assert yaml | weights | code | {"lmms_bapa/py.typed"} <= inside
    with tarfile.open(sdist) as archive:
        names = {n.split("/", 1)[1] for n in archive.getnames() if "/" in n}
    assert tracked("tasks/*/*") | weights | code | tracked("tests/*.py") <= names
    assert wheel.stat().st_size < 12_000_000


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
