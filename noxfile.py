"""The suite at both ends of the supported versions: ``nox -s tests``, ``nox -s oldest``."""

from __future__ import annotations

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
def lint(session: nox.Session) -> None:
    """Style and types."""
    session.install("--editable", ".[plots,tests]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
