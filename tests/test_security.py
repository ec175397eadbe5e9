"""What SECURITY.md says of the code, checked on the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "lmms_bapa"

# Each opens pickles, or a connection, or runs a text as code.
FORBIDDEN = {
    *("pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"),
    *("requests", "httpx", "urllib", "http", "socket", "ftplib", "aiohttp"),
}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """File, what is called as text, and the call."""
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield name, ast.unparse(node.func), node


def test_nothing_that_opens_pickles_or_connections_is_imported() -> None:
    for name, tree in trees():
        for node in ast.walk(tree):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            assert not {m.partition(".")[0] for m in modules} & FORBIDDEN, name


def test_texts_are_not_run_and_files_are_not_unpickled() -> None:
    found = {(name, called) for name, called, _ in calls()}
    assert not {f for f in found if f[1] in ("eval", "exec", "os.system", "torch.load")}
    assert {name for name, called in found if called.startswith("subprocess.")} == {
        "provenance/surroundings.py"  # git, of this checkout
    }
    loads = [node for _, called, node in calls() if called == "np.load"]
    assert not [n for n in loads if any(k.arg == "allow_pickle" for k in n.keywords)]


def test_yaml_makes_no_objects() -> None:
    loads = {(name, called) for name, called, _ in calls() if called.startswith("yaml.")}
    readers = {(n, c) for n, c in loads if "load" in c and c != "yaml.safe_load"}
    assert readers == {("harness/fast_tasks.py", "yaml.load")}  # as the harness reads its tasks


def test_every_checkpoint_is_loaded_in_the_guarded_way() -> None:
    places = {
        name
        for name, called, node in calls()
        if called.endswith("ForImageTextToText.from_pretrained")
        and not any(k.arg in ("use_safetensors", "local_files_only") for k in node.keywords)
    }
    assert not places
    remote = [
        ast.unparse(keyword.value)
        for _, _, node in calls()
        for keyword in node.keywords
        if keyword.arg == "trust_remote_code"
    ]
    assert remote
    assert "True" not in remote
