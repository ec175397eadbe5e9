"""Runs the harness inside the test process, on our tasks only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from lmms_eval.api.instance import GenerationResult
from lmms_eval.api.model import lmms
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager

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


def command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The harness's own command line, in this process; built-in tasks are left out for speed."""
    import functools

    import lmms_eval.__main__ as harness

    monkeypatch.setattr(
        harness, "TaskManager", functools.partial(TaskManager, include_defaults=False)
    )
    monkeypatch.setattr(sys, "argv", ["lmms-eval", *arguments])
    harness.cli_evaluate()
