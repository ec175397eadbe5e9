"""What lmms-eval itself finds of ours, and whether another plugin is in the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points

from lmms_bapa.doctor.finding import Finding

GROUP = "lmms_eval.models"
OLD_WAY = "LMMS_EVAL_PLUGINS"


def plugins() -> Iterator[Finding]:
    """Every plugin of the harness by itself: one that raises takes all later ones down with it."""
    from lmms_eval.models.registry_v2 import ModelManifest, ModelRegistryV2

    found = list(entry_points(group=GROUP))
    good = []
    for point in found:
        try:
            payload = point.load()
            made = payload() if callable(payload) else payload
            registry = ModelRegistryV2()
            for manifest in [made] if isinstance(made, ModelManifest) else made:
                registry.register_manifest(manifest)
        except Exception as error:
            said = f"{point.value} raises {type(error).__name__}: {_line(error)}"
            remedy = f"update it, or pip uninstall {_package(point)}: plugins after it are lost"
            yield Finding(f"plugin {point.name}", "warning", said, remedy)
            continue
        good.append(f"{point.name} ({_package(point)})")
    yield Finding("plugins", "ok", f"{len(good)} of {len(found)} load: {', '.join(good)}")


def models() -> Iterator[Finding]:
    """Whether the harness's registry has our adapters, and makes one of them."""
    old_way = os.environ.get(OLD_WAY)
    try:
        from lmms_eval.models import MODEL_REGISTRY_V2 as REGISTRY
    except Exception as error:
        remedy = f"unset {OLD_WAY} (it is {old_way})" if old_way else "reinstall lmms-eval"
        said = f"lmms_eval.models raises {type(error).__name__}: {_line(error)}"
        yield Finding("models", "problem", said, remedy)
        return
    from lmms_bapa.harness.presets import preset_names

    names = preset_names()
    known = set(REGISTRY.list_canonical_model_ids())
    seen = [name for name in names if name in known]
    if len(seen) < len(names):
        lost = next(name for name in names if name not in known)
        yield Finding(
            "models",
            "problem",
            f"lmms-eval has {len(seen)} of our {len(names)} adapters; not {lost}",
            "see to the plugins below, or pip install --force-reinstall --no-deps lmms-bapa",
        )
    for name in seen:
        path = REGISTRY.get_manifest(name).chat_class_path or ""
        if not path.startswith("lmms_bapa."):
            yield Finding(
                name, "problem", f"another plugin has taken the name: {path}", "remove it"
            )
    if seen:
        made = REGISTRY.get_model_class("hf_bapa" if "hf_bapa" in seen else seen[0])
        yield Finding(
            "models", "ok", f"lmms-eval has our {len(seen)} adapters, and loads {made.__name__}"
        )


def tasks() -> Iterator[Finding]:
    """Whether the harness's task manager finds our tasks without ``--include_path``."""
    from lmms_eval.tasks import TaskManager

    from lmms_bapa.resources import folder

    files = [p for p in folder("tasks").rglob("*.yaml") if not p.name.startswith("_")]
    place = str(folder("tasks"))
    index = TaskManager(include_defaults=False).task_index
    groups = 0
    missing = {str(path) for path in files}
    for entry in index.values():
        path = str(entry["yaml_path"])
        if path in missing:
            missing.discard(path)
            groups += entry["type"] == "group"
    if missing:
        yield Finding(
            "tasks",
            "problem",
            f"lmms-eval does not find {len(missing)} of our {len(files)} YAMLs",
            f"add --include_path {place}, and see to the plugins below",
        )
        return
    count = f"{len(files) - groups} tasks and {groups} groups"
    yield Finding("tasks", "ok", f"lmms-eval finds our {count} without --include_path")


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or "no reason given"
