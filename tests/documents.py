"""The pages and what stands in them."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(ROOT.glob("docs/**/*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *PAGES])


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def example(document: Path, file: str) -> str:
    """The one block that says in its first line which file it belongs in, without that line."""
    found = [
        code.partition("\n")[2]
        for language in ("python", "yaml")
        for code in blocks(document, language)
        if code.startswith(f"# {file}\n")
    ]
    (code,) = found
    return code


def run_module(code: str, name: str) -> types.ModuleType:
    """Runs code as a module of that name, which stays importable."""
    module = types.ModuleType(name)
    sys.modules[name] = module  # classes look for their module
    exec(compile(code, f"{name}.py", "exec"), module.__dict__)
    return module


@contextmanager
def restored(*registries: dict[str, Any]) -> Iterator[None]:
    """Puts registries back as they were, and forgets modules that came in between."""
    before, modules = [dict(registry) for registry in registries], set(sys.modules)
    try:
        yield
    finally:
        for registry, content in zip(registries, before, strict=True):
            registry.clear()
            registry.update(content)
        for name in set(sys.modules) - modules:
            if name.startswith("example_"):
                del sys.modules[name]
