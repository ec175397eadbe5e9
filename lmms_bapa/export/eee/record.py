"""The aggregate record: who measured what, on which model, with what done to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lmms_bapa.export.eee.identity import Identity
from lmms_bapa.export.eee.metrics import HARNESS, OURS, is_probe
from lmms_bapa.export.eee.public import details, public
from lmms_bapa.export.source import Source
from lmms_bapa.harness.backends import backend_of
from lmms_bapa.harness.options import LoadOptions, option_names
from lmms_bapa.harness.presets import preset_names
from lmms_bapa.harness.requests import generation_settings
from lmms_bapa.provenance.manifest import Manifest
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.shift.spec import is_shifted

VERSION = "0.3.0"
# Names of readers of local files, which the harness also takes for a data set.
_READERS = {"parquet", "json", "csv", "text", "arrow", "imagefolder", "generator"}
_TYPED = ("temperature", "top_p", "top_k")


def model_info(source: Source, run: RunFolder, identity: Identity, weights: str) -> dict[str, Any]:
    """``model_info``: a steered model bears its setting in its id.

    Raises:
        UsageError: the run has options that this version does not know.
    """
    manifest = source.manifest(run)
    facts = {} if manifest is None else manifest.model.model_dump(exclude={"pretrained"})
    own = is_own_adapter(run)
    backend = backend_of(str((run.results.get("config") or {}).get("model")))
    engine: dict[str, str] = {"name": backend or "transformers"}
    if manifest is not None and (version := manifest.versions.get(engine["name"])):
        engine["version"] = version
    info: dict[str, Any] = {
        "name": identity.model.split("/")[1],
        "id": identity.model,
        "developer": identity.base.split("/")[0],
        "additional_details": {
            "deployment_type": "self_deployed" if own else "unknown",
            "model_availability": weights,
            "base_model": identity.base,
            **steering(source, run),
            **details(model_args=_arguments(run), **facts),
        },
    }
    return {**info, "inference_engine": engine} if own else info


def steering(source: Source, run: RunFolder) -> dict[str, str]:
    """What was done to the model, with every strength and scope, also those left at default."""
    active = source.interventions(run)
    found = {"intervention": " + ".join(method.name for method in active) or "none"}
    for method in active:
        names = {field: option for option, field in option_names(type(method)).items()}
        for field in fields(method):
            found |= details(**{names[field.name]: getattr(method, field.name)})
    return found


def eval_library(source: Source, run: RunFolder) -> dict[str, Any]:
    """``eval_library``: the harness, with the plugin and what both ran on.

    What the results JSON calls the harness's version is the commit of whatever repository the
    command was typed in, so only a manifest tells.
    """
    manifest = source.manifest(run)
    versions: Mapping[str, str | None] = {} if manifest is None else manifest.versions
    known: dict[str, Any] = {}
    if manifest is not None:
        known = {f"{name}_version": v for name, v in versions.items() if name != HARNESS}
        known |= {
            f"{OURS}_commit": manifest.commit,
            f"{OURS}_commit_is_dirty": manifest.dirty,
            f"{OURS}_sources_sha256": manifest.sources_sha256,
            "hardware": None if manifest.hardware is None else manifest.hardware.model_dump(),
            "seeds": manifest.seeds,
        }
    config = run.results.get("config") or {}
    more = details(adapter=config.get("model"), **known, **steering(source, run))
    version = versions.get(HARNESS) or "unknown"
    return {"name": HARNESS, "version": version, "additional_details": more}


def source_data(source: Source, run: RunFolder, task: str) -> dict[str, Any]:
    """``source_data``: a data set of the hub, or what else the questions are made from."""
    config = run.results["configs"][task]
    asked = (run.results.get("n-samples") or {}).get(task) or {}
    metadata = config.get("metadata")
    manifest = source.manifest(run)
    whole, done = asked.get("original"), asked.get("effective")
    # Most tasks say token: true, of which a blot would be left.
    options = {k: v for k, v in (config.get("dataset_kwargs") or {}).items() if k != "token"}
    more = details(
        task_version=(run.results.get("versions") or {}).get(task),
        task_metadata=metadata,
        task_hash=(run.results.get("task_hashes") or {}).get(task),
        questions_asked=done,
        questions_in_all=whole,
        limit=(run.results.get("config") or {}).get("limit"),
        options=options,
        split=config.get("test_split") or config.get("validation_split"),
        subset=config.get("dataset_name"),
    )
    if whole and done and done < whole:
        more["incomplete"] = f"{done} of {whole} questions were asked"
    if is_shifted(config):
        more["pictures"] = "shown elsewhere on a larger canvas, see task_metadata"
    path = str(config.get("dataset_path") or "")
    if is_hub_data(path, config):
        found = {"dataset_name": task, "source_type": "hf_dataset", "hf_repo": path}
        if more.get("split"):
            found["hf_split"] = more["split"]
        return {**found, **({"samples_number": whole} if whole else {}), "additional_details": more}
    if is_probe(config) and not path:
        more["generated_by"] = _plugin(manifest)
    elif path:
        more["data"] = public(path)
    return {"dataset_name": task, "source_type": "other", "additional_details": more}


def is_hub_data(path: str, config: Mapping[str, Any]) -> bool:
    """Whether a task's ``dataset_path`` names a data set of the hub."""
    options = config.get("dataset_kwargs") or {}
    local = "data_files" in options or "data_dir" in options or options.get("load_from_disk")
    is_id = path.count("/") == 1 and path[0] not in "./~" and not path.endswith("/")
    return is_id and path not in _READERS and not local and not Path(path).exists()


def generation_config(source: Source, run: RunFolder, task: str) -> dict[str, Any]:
    """``generation_config``: as the adapter really used it, if it is one of ours."""
    config = run.results["configs"][task]
    asked = dict(config.get("generation_kwargs") or {})
    if is_own_adapter(run):
        default = LoadOptions.model_fields["max_new_tokens"].default
        length = int(float(run.options.get("max_new_tokens") or default))
        used, _ = generation_settings(asked, length)
        used.setdefault("temperature", 0.0)
    else:
        used = {key: value for key, value in asked.items() if value is not None}
        if not used.get("temperature"):  # without one, greedy or the adapter's affair
            used = {k: v for k, v in used.items() if k not in ("top_p", "top_k")}
    typed: dict[str, Any] = {k: used[k] for k in _TYPED if isinstance(used.get(k), int | float)}
    limit = used.get("max_new_tokens")
    if isinstance(limit, int) and limit >= 1:
        typed["max_tokens"] = limit
    manifest = source.manifest(run)
    if manifest is not None and manifest.command:
        typed["execution_command"] = public(manifest.command)
    shots = (run.results.get("n-shot") or {}).get(task, config.get("num_fewshot"))
    overall = run.results.get("config") or {}
    more = details(
        generation_kwargs=asked,
        num_fewshot=shots,
        repeats=config.get("repeats"),
        batch_size=overall.get("batch_size"),
        system_instruction=run.results.get("system_instruction"),
        setting=run.label,
    )
    return {"generation_args": typed, "additional_details": more}


def is_own_adapter(run: RunFolder) -> bool:
    """Whether an adapter of this package answered: the model was on this side of the wire."""
    return str((run.results.get("config") or {}).get("model")) in preset_names()


def _arguments(run: RunFolder) -> dict[str, str]:
    """The ``model_args``, folders by their last name."""
    return {
        key: Path(value).name if value.startswith(("/", "~", ".")) else value
        for key, value in sorted(run.options.items())
    }


def _plugin(manifest: Manifest | None) -> str:
    version = None if manifest is None else manifest.versions.get(OURS)
    return f"{OURS} {version}" if version else OURS
