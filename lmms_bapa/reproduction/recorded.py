"""What a run was: from its manifest, or as far as the harness's own results tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import parse_arguments
from lmms_bapa.harness.backends import (
    CLASSES,
    backend_of,
    checkpoint_option,
)
from lmms_bapa.harness.evaluate import model_args_text
from lmms_bapa.harness.options import intervention_options
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_names, preset_path
from lmms_bapa.provenance.manifest import SEEDS, read_manifest, task_facts
from lmms_bapa.provenance.manifest_format import Manifest, ModelFacts
from lmms_bapa.results.folders import RunFolder

# Options of the harness's command that change answers and are not among those that are given
# again, with the values that change nothing.
_OTHERS: dict[str, Any] = {
    "offset": 0,
    "num_fewshot": None,
    "system_instruction": None,
    "apply_chat_template": False,
    "fewshot_as_multiturn": False,
    "force_simple": False,
    "repeats": 1,
    "max_tokens": None,
    "predict_only": False,
}
_SEEDS = dict(zip(SEEDS, (0, 1234, 1234, 1234), strict=True))
_BLOTTED = "[REDACTED]"


@dataclass(frozen=True)
class Recorded:
    """All that is given to a run again.

    Attributes:
        run: its results.
        manifest: what is known of it.
        adapter: the ``--model``.
        model_args: as typed.
        tasks: names of tasks or groups.
        include: folder of further tasks.
        limit: questions per task.
        gen_kwargs: as typed.
        batch_size: questions per forward pass.
        unknown: what the run left no record of.
    """

    run: RunFolder
    manifest: Manifest
    adapter: str
    model_args: dict[str, Any]
    tasks: list[str]
    include: str | None = None
    limit: float | None = None
    gen_kwargs: str = ""
    batch_size: int = 1
    unknown: list[str] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """The options of interventions, those that the adapter's YAML sets among them."""
        names = intervention_options()
        merged = {**load_preset(preset_path(self.adapter)).model_args, **self.model_args}
        return {key: value for key, value in merged.items() if key in names}

    @property
    def loading(self) -> dict[str, Any]:
        """The other ``model_args``."""
        names = intervention_options()
        return {key: value for key, value in self.model_args.items() if key not in names}


def record_of(run: RunFolder) -> Recorded:
    """Finds out how to run something again.

    Raises:
        UsageError: it was not made by an adapter of this package, or with options that this
            package does not give again.
    """
    manifest = _manifest(run)
    config = run.results.get("config") or {}
    typed = config.get("resolved_cli_args") or {}
    adapter = _adapter(run, str(manifest.adapter if manifest else config.get("model")))
    _check_options(run, {**config, **typed})
    text = manifest.model_args if manifest else _model_args(config)
    if _BLOTTED in text:
        raise UsageError(
            f"{run.results_file}: the harness blotted out a part of its model_args ({text}), and "
            "there is no manifest: give the command of that run again by hand"
        )
    arguments = parse_arguments(text, "model_args")
    key = checkpoint_option(adapter)
    if key not in {**load_preset(preset_path(adapter)).model_args, **arguments}:
        raise UsageError(f"{run.results_file}: does not say which model it was: no {key}")
    if typed.get("device") and manifest is None:
        arguments.setdefault("device", typed["device"])
    asked = manifest.asked if manifest else _asked(typed, run)
    size = (manifest.batch_size if manifest else None) or config.get("batch_size") or 1
    generation = config.get("gen_kwargs") or ""
    return Recorded(
        run=run,
        manifest=manifest or _known(run, text, adapter, str(arguments.get(key)), asked),
        adapter=adapter,
        model_args=arguments,
        tasks=asked,
        include=manifest.include if manifest else typed.get("include_path"),
        limit=_limit(config.get("limit")),
        gen_kwargs=generation if isinstance(generation, str) else model_args_text(generation),
        batch_size=_batch_size(run, size),
        unknown=_not_in(manifest) if manifest else _unknown(typed),
    )


def _manifest(run: RunFolder) -> Manifest | None:
    for folder in (run.path, run.path.parent):
        found = read_manifest(folder)
        if found is not None and found.kind == "setting":
            return found
    return None


def _adapter(run: RunFolder, name: str) -> str:
    name = CLASSES.get(name, name)
    if name not in preset_names():
        raise UsageError(
            f"{run.results_file}: made by --model {name}, which is no adapter of this package: "
            "give the command of that run again by hand"
        )
    return name


def _check_options(run: RunFolder, given: Mapping[str, Any]) -> None:
    for name, usual in {**_OTHERS, **_SEEDS}.items():
        value = given.get(name, usual)
        if value not in (usual, None):
            raise UsageError(
                f"{run.results_file}: ran with {name}={value}, which this command does not give "
                "again: give the command of that run again by hand"
            )


def _model_args(config: Mapping[str, Any]) -> str:
    given = config.get("model_args") or ""
    return given if isinstance(given, str) else model_args_text(given)


def _asked(typed: Mapping[str, Any], run: RunFolder) -> list[str]:
    named = str(typed.get("tasks") or "").split(",")
    return [name.strip() for name in named if name.strip()] or list(run.results["configs"])


def _limit(value: Any) -> float | None:
    if value is None or float(value) < 0:
        return None
    return int(value) if float(value).is_integer() else float(value)


def _batch_size(run: RunFolder, value: Any) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise UsageError(
            f"{run.results_file}: batch_size {value!r} is not a number: give the command of that "
            "run again by hand"
        ) from error


def _known(run: RunFolder, text: str, adapter: str, pretrained: str, asked: list[str]) -> Manifest:
    config = run.results.get("config") or {}
    return Manifest(
        kind="setting",
        date=str(run.results.get("date", "")),
        model_args=text,
        model=ModelFacts(pretrained=pretrained, backend=backend_of(adapter) or "transformers"),
        asked=asked,
        tasks=task_facts(run.results),
        seeds={name: config.get(name) for name in SEEDS},
    )


def _not_in(manifest: Manifest) -> list[str]:
    return ["what was changed in the checkout and not committed"] if manifest.dirty else []


def _unknown(typed: Mapping[str, Any]) -> list[str]:
    found = ["versions of packages", "hash of the weights", "hardware", "number of processes"]
    if not typed:
        found.append("folder of further tasks")
    return found


def folder_of(run: RunFolder, path: Path) -> Path:
    """The folder that a copy belongs beside: that of the whole sweep, if a run is part of one."""
    # The harness makes a folder of the model's name in the one that was asked for.
    place = path if path.is_dir() and path.resolve() != run.path.resolve() else run.path.parent
    for folder in (place, *place.absolute().parents):
        if (folder / "sweep.yaml").is_file():
            return folder
    return place
