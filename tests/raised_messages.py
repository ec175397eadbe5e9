"""Every message that the package raises or warns with, read from its sources.

``python -m tests.raised_messages`` lists them with the files that they are in.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import lmms_bapa

PACKAGE = Path(lmms_bapa.__file__).parent
HOLE = "…"
# Python's own protocol (``hasattr``, iteration): nobody reads their texts.
SILENT = {"AttributeError", "IndexError", "NotImplementedError"}
WARN = {"logger.warning", "_LOGGER.warning", "warnings.warn"}
Texts = Mapping[str, list[str]]


def messages(root: Path = PACKAGE) -> dict[str, list[str]]:
    """Message, with … for what is filled in -> the files that say it."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        for text in said(path.read_text(encoding="utf-8")):
            files = found.setdefault(text, [])
            if name not in files:
                files.append(name)
    return found


def said(source: str) -> Iterator[str]:
    """The messages of one module: of errors, of warnings, and handed to functions that raise."""
    tree = ast.parse(source)
    known = _assigned(tree.body)
    carriers = _carriers(tree)
    for node, names in _calls(tree, known):
        if _speaks(node):
            yield from _worded(node.args[0], names)
        elif _name(node.func) in carriers:
            for argument in node.args:
                if isinstance(argument, ast.Constant | ast.JoinedStr | ast.IfExp | ast.BinOp):
                    yield from _worded(argument, names)


def _calls(tree: ast.AST, known: Texts) -> Iterator[tuple[ast.Call, Texts]]:
    """Calls, each with the names of texts that its function knows."""
    for node in ast.iter_child_nodes(tree):
        names = known
        if isinstance(node, ast.FunctionDef):
            names = {**known, **_assigned(list(ast.walk(node)))}
        if isinstance(node, ast.Call):
            yield node, names
        yield from _calls(node, names)


def _assigned(statements: list[ast.stmt] | list[ast.AST]) -> dict[str, list[str]]:
    """Names that stand for a text wherever they are assigned to, as in ``what = "no results"``."""
    found: dict[str, list[str]] = {}
    for node in statements:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).extend(_templates(node.value, {}))
    return {name: texts for name, texts in found.items() if all(map(_is_wordy, texts))}


def _carriers(tree: ast.Module) -> set[str]:
    """Functions that put a text they are given into an error: who calls them words it."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found: set[str] = set()
    for _ in functions:  # one may hand its text to another
        for function in functions:
            given = {a.arg for a in function.args.args if _is_text(a)}
            for call in (n for n in ast.walk(function) if isinstance(n, ast.Call)):
                if _speaks(call) or _name(call.func) in found:
                    used = {n.id for a in call.args for n in ast.walk(a) if isinstance(n, ast.Name)}
                    if used & given:
                        found.add(function.name)
    return found


def _is_text(argument: ast.arg) -> bool:
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id == "str"


def _speaks(call: ast.Call) -> bool:
    name = _name(call.func)
    is_error = name.endswith(("Error", "NotSaved")) and name not in SILENT
    return bool(call.args) and (is_error or ast.unparse(call.func) in WARN)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _worded(expression: ast.expr, names: Texts) -> Iterator[str]:
    for text in _templates(expression, names):
        plain = re.sub(r"\s+", " ", re.sub(rf"{HOLE}+", HOLE, text)).strip()
        if _is_wordy(plain):
            yield plain


def _is_wordy(text: str) -> bool:
    return len([word for word in text.split() if re.search(r"[A-Za-z]{2}", word)]) >= 2


def _templates(expression: ast.expr, names: Texts) -> list[str]:
    """All texts that an expression can give, with holes."""
    match expression:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return _joined(parts, names)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([left, right], names)
        case ast.IfExp(body=one, orelse=other):
            both = _templates(one, names) + _templates(other, names)
            return [text for text in both if text] or [""]  # without its longer form
        case ast.FormattedValue(value=inner):
            return _templates(inner, names)
        case ast.Name(id=name) if name in names:
            return list(names[name])
        case ast.Call(args=[first, *_]):  # a helper that ends a text, as with a list
            texts = _templates(first, names)
            return [f"{text}{HOLE}" for text in texts] if all(map(_is_wordy, texts)) else [HOLE]
    return [HOLE]


def _joined(parts: list[ast.expr], names: Texts) -> list[str]:
    texts = [""]
    for part in parts:
        texts = [text + more for text in texts for more in _templates(part, names)]
    return texts


if __name__ == "__main__":
    for message, files in messages().items():
        print(f"{message}\n    {', '.join(files)}")
