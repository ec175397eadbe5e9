"""The examples of a model card: how to load what was measured, and how to measure it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import lmms_bapa
from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.export.eee.public import public
from lmms_bapa.export.naming import as_code, short_model
from lmms_bapa.export.source import Source
from lmms_bapa.harness.backends import CHECKPOINT, checkpoint_option
from lmms_bapa.harness.options import option_names
from lmms_bapa.interventions import REGISTRY, Intervention
from lmms_bapa.results.folders import RunFolder

# Options of model_args that the example has, or that change nothing about the answers.
_IN_PYTHON = {*CHECKPOINT.values(), "revision", "dtype", "peft", "trust_remote_code"}
_OF_THE_MACHINE = {"device", "device_map", "batch_size", "gpu_memory_utilization"}


def python_example(
    source: Source, run: RunFolder, model: str, interventions: Sequence[Intervention]
) -> str:
    """Python that loads the model and asks it one question.

    Args:
        source: the results.
        run: one run of the setting.
        model: hub id, folder, or an embedded model.
        interventions: in force; none is the stock model.
    """
    options = run.options
    extra = f', revision="{options["revision"]}"' if options.get("revision") else ""
    if options.get("trust_remote_code") == "true":
        extra += ", trust_remote_code=True"
    imports = ["from PIL import Image"]
    imports += ["from transformers import AutoModelForImageTextToText, AutoProcessor", ""]
    imports += _imports(interventions)
    where = f'"{model}"'
    if model in EMBEDDED:
        imports.append("from lmms_bapa.embedded import embedded_path")
        where = f'embedded_path("{model}")'
    manifest = source.manifest(run)
    dtype = (manifest.model.dtype if manifest else None) or options.get("dtype") or "auto"
    load = [
        f"checkpoint = {where}",
        f"processor = AutoProcessor.from_pretrained(checkpoint{extra})",
        f'model = AutoModelForImageTextToText.from_pretrained(checkpoint{extra}, dtype="{dtype}")',
    ]
    if options.get("peft"):
        load.append(f'model.load_adapter("{short_model(options["peft"])}")')
    ask = [
        'content = [{"type": "image", "image": Image.new("RGB", (336, 336), "white")}]',
        'content.append({"type": "text", "text": "What is in the picture?"})',
        "inputs = processor.apply_chat_template(",
        '    [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True,',
        '    return_dict=True, return_tensors="pt",',
        ").to(model.device, model.dtype)",
    ]
    generate = "reply = model.generate(**inputs, max_new_tokens=64)"
    if interventions:
        steered = ", ".join(["model", *as_code(interventions), "tokenizer=processor.tokenizer"])
        ask += [f"with intervene({steered}):", f"    {generate}"]
    else:
        ask.append(generate)
    ask.append("print(processor.batch_decode(reply, skip_special_tokens=True)[0])")
    while imports[-1] == "":
        imports.pop()
    return "\n".join([*imports, "", *load, "", *ask])


def _imports(interventions: Sequence[Intervention]) -> list[str]:
    if not interventions:
        return []
    kinds = sorted({type(one) for one in interventions}, key=lambda kind: kind.__name__.lower())
    ours = [kind.__name__ for kind in kinds if kind.__name__ in lmms_bapa.__all__]
    others = [kind for kind in kinds if kind.__name__ not in lmms_bapa.__all__]
    lines = [f"from {kind.__module__} import {kind.__name__}" for kind in others]
    return [f"from lmms_bapa import {', '.join([*ours, 'intervene'])}", *lines]


def not_in_python(run: RunFolder) -> str:
    """Options of the run that the Python example leaves out."""
    own = {o for method in REGISTRY.values() for o in (method.name, *option_names(method))}
    known = _IN_PYTHON | _OF_THE_MACHINE | own
    return public(",".join(f"{k}={v}" for k, v in sorted(run.options.items()) if k not in known))


def command(source: Source, runs: Sequence[RunFolder], model: str) -> str:
    """The command of the harness that gives the same, one line for each run of the setting."""
    return "\n".join(_command(source, run, model) for run in runs if source.tasks_of(run))


def _command(source: Source, run: RunFolder, model: str) -> str:
    config: Mapping[str, Any] = run.results.get("config") or {}
    given = config.get("model_args") or {}
    if not isinstance(given, Mapping):
        given = dict(part.split("=", 1) for part in str(given).split(",") if "=" in part)
    options = {str(k).strip(): v for k, v in given.items()}
    checkpoint = checkpoint_option(str(config.get("model")))
    if checkpoint in options:
        options[checkpoint] = model
    words = ["lmms-eval", "--model", str(config.get("model"))]
    words += ["--model_args", public(",".join(f"{k}={v}" for k, v in options.items()))]
    words += ["--tasks", ",".join(source.tasks_of(run))]
    manifest = source.manifest(run)
    include = manifest.include if manifest else None
    include = include or (config.get("resolved_cli_args") or {}).get("include_path")
    if include:
        path = PurePath(str(include))
        words += ["--include_path", path.name if path.is_absolute() else str(path)]
    for name in ("batch_size", "limit", "gen_kwargs"):
        if config.get(name):
            words += [f"--{name}", str(config[name])]
    return shlex.join([*words, "--log_samples", "--output_path", "runs/again"])
