from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lmms_bapa
from lmms_bapa.provenance import surroundings
from lmms_bapa.provenance.fingerprints import (
    answers_digest,
    processor_digest,
    reply_of,
    weights_digest,
)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- weights ------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("model-00002-of-00002", "model-00001-of-00002"):
        (folder / f"{name}.safetensors").write_bytes(name.encode() * 100)
    (folder / "pytorch_model.bin").write_bytes(b"older")
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no coreutils here")
def test_weights_are_what_sha256sum_says(checkpoint: Path) -> None:
    command = "sha256sum *.safetensors | sha256sum"
    said = subprocess.run(
        command, shell=True, cwd=checkpoint, capture_output=True, text=True, check=True
    )
    assert weights_digest(checkpoint) == said.stdout.split()[0]


def test_hub_cache_gives_the_same_without_reading(checkpoint: Path, tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "hub/snapshots/abc", tmp_path / "hub/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in checkpoint.glob("*.safetensors"):
        blob = blobs / sha(file.read_bytes())
        blob.write_bytes(b"not read")
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    assert weights_digest(snapshot) == weights_digest(checkpoint)


def test_changed_weights_are_seen_in_the_same_process(checkpoint: Path) -> None:
    before = weights_digest(checkpoint)
    file = checkpoint / "model-00001-of-00002.safetensors"
    facts = file.stat()
    file.write_bytes(b"x" + file.read_bytes()[1:])  # of the same length
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert weights_digest(checkpoint) != before


def test_older_weights_count_where_there_are_no_others(checkpoint: Path, tmp_path: Path) -> None:
    for file in checkpoint.glob("*.safetensors"):
        file.unlink()
    line = f"{sha(b'older')}  pytorch_model.bin\n"
    assert weights_digest(checkpoint) == sha(line.encode())
    assert weights_digest(tmp_path) is None


def test_processor_is_its_files_and_not_the_weights(checkpoint: Path) -> None:
    assert processor_digest(checkpoint) is None
    (checkpoint / "tokenizer.json").write_text("{}")
    before = processor_digest(checkpoint)
    (checkpoint / "model-00001-of-00002.safetensors").write_bytes(b"other")
    assert processor_digest(checkpoint) == before
    (checkpoint / "chat_template.jinja").write_text("{{ messages }}")
    assert processor_digest(checkpoint) != before


# --- answers ------------------------------------------------------------------------------------


def test_digest_of_answers_by_hand() -> None:
    samples = {
        "b": [{"doc_id": 0, "filtered_resps": "Ja"}],
        "a": [
            {"doc_id": 10, "filtered_resps": "No"},
            {"doc_id": 9, "filtered_resps": ["é"]},
            {"doc_id": 11, "filtered_resps": ["x", "y"]},
        ],
    }
    text = '[["a", 9, "é"], ["a", 10, "No"], ["a", 11, "[\\"x\\", \\"y\\"]"], ["b", 0, "Ja"]]'
    assert answers_digest(samples) == sha(text.encode())


def test_one_other_reply_is_another_digest() -> None:
    def digest(*answers: str, task: str = "t") -> str:
        return answers_digest(
            {task: [{"doc_id": i, "filtered_resps": a} for i, a in enumerate(answers)]}
        )

    assert len({digest("a", "b"), digest("b", "a"), digest("a"), digest("a", "b", task="u")}) == 4


@pytest.mark.parametrize(
    ("logged", "reply"), [("Yes", "Yes"), ([["Yes"]], "Yes"), ([], "[]"), (None, "null")]
)
def test_reply_of_every_shape(logged: Any, reply: str) -> None:
    assert reply_of({"filtered_resps": logged}) == reply


# --- surroundings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (["--hf_token", "abc", "--limit", "8"], "--hf_token '[REDACTED]' --limit 8"),
        (["--token=abc"], "'--token=[REDACTED]'"),
        (["--hf_hub_log_args", "org=x,token=abc,y=1"], "'org=x,token=[REDACTED],y=1'"),
        (["--model_args", "pretrained=m,image_token=32000"], "pretrained=m,image_token=32000"),
        (["--gen_kwargs", "max_new_tokens=8"], "max_new_tokens=8"),
        (["--x", '{"api_key": "abc def"}'], "[REDACTED]"),
        (["--y", "hf_abcdefghijklmnopqrstuvwxyz"], "--y '[REDACTED]'"),
        (["--z", "https://me:abc@host/path"], "https://[REDACTED]@host/path"),
        (["--api-key", "abc"], "--api-key '[REDACTED]'"),
        (["--db_password=abc"], "[REDACTED]"),
    ],
)
def test_command_line_without_secrets(typed: list[str], shown: str) -> None:
    line = surroundings.command_line(["/home/somebody/bin/lmms-bapa", "sweep", *typed])
    assert line.startswith("lmms-bapa sweep ")
    assert shown in line
    assert "abc" not in line


def test_command_line_can_be_typed_again() -> None:
    typed = ["lmms-bapa", "sweep", "--model_args", "pretrained=my model,bapa=true", "it's"]
    assert shlex.split(surroundings.command_line(typed)) == typed


def test_versions_are_those_installed() -> None:
    found = surroundings.versions()
    assert found["lmms-bapa"] == lmms_bapa.__version__
    assert found["transformers"] == importlib.metadata.version("transformers")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_commit_only_of_a_checkout_of_this_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    package = tmp_path / "lmms_bapa"
    package.mkdir()
    source = package / "__init__.py"
    source.write_text("a = 1\n")
    monkeypatch.setattr(surroundings, "_PACKAGE", package)
    git("init", "-q")
    (tmp_path / "other").write_text("")
    git("add", "other")
    git("commit", "-qm", "somebody else's repository")
    assert surroundings.commit() == (None, None)
    git("add", ".")
    git("commit", "-qm", "ours")
    assert surroundings.commit() == (git("rev-parse", "HEAD"), False)
    source.write_text("a = 2\n")
    assert surroundings.commit() == (git("rev-parse", "HEAD"), True)


def test_sources_are_the_code_and_the_tasks_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest() -> str:
        surroundings.sources_digest.cache_clear()
        return surroundings.sources_digest()

    package, tasks = tmp_path / "lmms_bapa", tmp_path / "tasks"
    package.mkdir()
    tasks.mkdir()
    (package / "a.py").write_text("a = 1\n")
    (tasks / "_template").write_text("x: 1\n")
    monkeypatch.setattr(surroundings, "_PACKAGE", package)
    monkeypatch.setattr(surroundings, "folder", lambda name: tmp_path / name)
    first = digest()
    (package / "a.cpython-311.pyc").write_text("compiled")
    (tmp_path / "README.md").write_text("told anew")
    assert digest() == first
    for path, text in ((package / "a.py", "a = 2\n"), (tasks / "_template", "x: 2\n")):
        old = path.read_text()
        path.write_text(text)
        assert digest() != first
        path.write_text(old)
        assert digest() == first
    (package / "a.py").rename(package / "b.py")
    assert digest() != first
    surroundings.sources_digest.cache_clear()
