"""Runs the harness inside the test process, on our tasks only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.api.instance import GenerationResult, Instance
from lmms_eval.api.model import lmms
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager

from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.discovery import register_tasks

register_tasks()


def evaluate(model: Any, tasks: Sequence[str], **kwargs: Any) -> dict[str, Any]:
    """One evaluation by the harness; ``model`` is an adapter or its name."""
    manager = kwargs.pop("manager", None) or TaskManager(include_defaults=False)
    return simple_evaluate(
        model=model, tasks=list(tasks), task_manager=manager, bootstrap_iters=0, **kwargs
    )


def replies(results: dict[str, Any], task: str) -> dict[int, str]:
    """The reply to each document."""
    return {s["doc_id"]: s["filtered_resps"][0] for s in results["samples"][task]}


class Puppet(lmms):
    """A chat adapter that answers by a rule on the question, for tests of tasks."""

    is_simple = False

    def __init__(self, answer: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self.answer = answer

    def generate_until(self, requests: Any) -> list[GenerationResult]:
        docs = [self.task_dict[r.args[4]][r.args[5]][r.args[3]] for r in requests]
        return [GenerationResult(text=self.answer(doc)) for doc in docs]

    def loglikelihood(self, requests: Any) -> Any:
        raise NotImplementedError

    def generate_until_multi_round(self, requests: Any) -> Any:
        raise NotImplementedError


class Looker(Puppet):
    """A chat adapter that answers by a rule on what it is shown: the pictures and the text."""

    def generate_until(self, requests: Any) -> list[GenerationResult]:
        replies = []
        for request in requests:
            _, messages, _, number, task, split = request.args
            parts = [p for m in messages(self.task_dict[task][split][number]) for p in m["content"]]
            shown: dict[str, Any] = {
                "images": [p["url"] for p in parts if p["type"] == "image"],
                "text": "".join(p["text"] for p in parts if p["type"] == "text"),
                "number": number,
            }
            replies.append(GenerationResult(text=self.answer(shown)))
        return replies


def command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The harness's own command line, in this process; built-in tasks are left out for speed."""
    import functools

    import lmms_eval.__main__ as harness

    monkeypatch.setattr(
        harness, "TaskManager", functools.partial(TaskManager, include_defaults=False)
    )
    monkeypatch.setattr(sys, "argv", ["lmms-eval", *arguments])
    harness.cli_evaluate()


TASK = "spatial_probe_lite"
LIMIT = 54  # three groups


def adapter(**options: Any) -> HFBapa:
    return HFBapa(pretrained="micro-llava", device="cpu", **options)


def answers(model: Any, limit: int = LIMIT, **kwargs: Any) -> dict[int, str]:
    return replies(evaluate(model, [TASK], limit=limit, log_samples=True, **kwargs), TASK)


def requests_for(model: HFBapa, docs: list[dict[str, Any]]) -> list[Instance]:
    """Requests as the harness makes them, on documents of a task of our own."""
    model.task_dict = {"t": {"test": docs}}

    def messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
        content = [{"type": "image", "url": i} for i in doc["images"]]
        return [{"role": "user", "content": [*content, {"type": "text", "text": doc["text"]}]}]

    return [
        Instance(
            request_type="generate_until",
            arguments=(
                d["text"],
                messages,
                d.get("generation", {"max_new_tokens": 4}),
                i,
                "t",
                "test",
            ),
            idx=0,
            metadata={"task": "t", "doc_id": i, "repeats": 1},
        )
        for i, d in enumerate(docs)
    ]


def lmms_eval(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, in another folder than the checkout."""
    program = Path(sys.executable).with_name("lmms-eval")
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "COLUMNS": "200",
    }
    return subprocess.run(
        [str(program), *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
