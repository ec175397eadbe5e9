"""What this package brings: methods, models, places, formats."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from lmms_bapa.doctor.finding import Finding


def interventions() -> Iterator[Finding]:
    """Each method with its options."""
    from lmms_bapa.harness.options import option_names
    from lmms_bapa.interventions import REGISTRY

    for name, method in REGISTRY.items():
        options = [*([name] if method.main is None else []), *option_names(method)]
        options += ["=".join(method.alias)] if method.alias else []
        yield Finding(name, "ok", ", ".join(options))


def adapters() -> Iterator[Finding]:
    """The adapters that come along, and those in a folder of the user's own."""
    from lmms_bapa.harness.preset import load_preset
    from lmms_bapa.harness.presets import OWN_CONFIGS
    from lmms_bapa.resources import folder

    places = [folder("model_configs")]
    own = os.environ.get(OWN_CONFIGS)
    if own and not Path(own).is_dir():
        yield Finding(
            OWN_CONFIGS, "problem", f"{own}: no such folder", f"set or unset {OWN_CONFIGS}"
        )
    elif own:
        places.append(Path(own))
    ours: set[str] = set()
    for place in places:
        names = sorted(path.stem for path in place.glob("*.yaml"))
        said = f"{len(names)} of ours"
        if place != places[0]:
            said = f"{len(names)} in {OWN_CONFIGS}: {', '.join(names)}"
        yield Finding("adapters", "ok", said)
        for name in names:
            try:
                load_preset(place / f"{name}.yaml")
            except Exception as error:
                text = " ".join(str(error).split())
                yield Finding(name, "problem", text, f"correct {place / name}.yaml")
            if name in ours:
                yield Finding(name, "warning", f"{place / name}.yaml: hidden by ours", "rename it")
        ours.update(names)


def architectures() -> Iterator[Finding]:
    """How many of the installed transformers' types the interventions reach."""
    from lmms_bapa.runs.coverage import count_line

    yield Finding("architectures", "ok", count_line().partition(". Where")[0])


def places() -> Iterator[Finding]:
    """Layouts of the probe, layouts and fills of shifted tasks."""
    from lmms_bapa.probes.layouts.registry import LAYOUTS as PROBE
    from lmms_bapa.shift.fills import FILLS
    from lmms_bapa.shift.layouts import LAYOUTS as SHIFT

    yield Finding("layouts", "ok", f"probe: {', '.join(PROBE)}; shifted tasks: {', '.join(SHIFT)}")
    yield Finding("fills", "ok", ", ".join(FILLS))


def exporters() -> Iterator[Finding]:
    """The formats of ``lmms-bapa export --to``."""
    from lmms_bapa.export import EXPORTERS

    yield Finding("exporters", "ok", ", ".join(sorted(EXPORTERS)))


def embedded_models() -> Iterator[Finding]:
    """Whether the embedded weights are those that were published."""
    from lmms_bapa.embedded import EMBEDDED, embedded_path
    from lmms_bapa.embedded.card import FACTS, WEIGHTS, sha256

    remedy = "pip install --force-reinstall --no-deps lmms-bapa"
    whole = []
    for name in EMBEDDED:
        folder = embedded_path(name)
        assert folder is not None
        try:
            wanted = json.loads((folder / FACTS).read_text(encoding="utf-8"))["sha256"]
            is_whole = sha256(folder / WEIGHTS) == wanted
        except (OSError, ValueError, KeyError) as error:
            yield Finding(name, "problem", f"cannot be read: {error}", remedy)
            continue
        if not is_whole:
            yield Finding(name, "problem", "weights differ from their recorded SHA-256", remedy)
            continue
        whole.append(name)
    if whole:
        yield Finding("embedded", "ok", f"{', '.join(whole)}: weights as published")
