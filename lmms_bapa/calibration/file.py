"""The YAML that a calibration leaves: an adapter with the chosen setting, and its evidence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from lmms_eval.models import AVAILABLE_CHAT_TEMPLATE_MODELS, AVAILABLE_SIMPLE_MODELS

from lmms_bapa.calibration.choice import Candidate, Objective, as_facts
from lmms_bapa.calibration.split import Split
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.presets import OWN_CONFIGS, preset_path
from lmms_bapa.provenance.surroundings import commit, versions
from lmms_bapa.resources import folder
from lmms_bapa.whole_file import write_whole

_OURS = "lmms_bapa."  # where the harness finds adapters of ours


def check_output(path: Path, force: bool) -> None:
    """Refuses a file that could not be written or used, before any work.

    Raises:
        UsageError: see above.
    """
    if path.suffix != ".yaml" or not path.stem.replace("-", "_").isidentifier():
        raise UsageError(
            f"--output {path}: should be NAME.yaml, where NAME is what stands behind --model later"
        )
    if (folder("model_configs") / path.name).exists():
        raise UsageError(f"--output {path}: {path.stem} is an adapter of this package: rename it")
    models = {**AVAILABLE_SIMPLE_MODELS, **AVAILABLE_CHAT_TEMPLATE_MODELS}
    # The user's own adapters are among them, such as the one that is to be written again.
    if not str(models.get(path.stem, _OURS)).startswith(_OURS):
        raise UsageError(f"--output {path}: {path.stem} is an adapter of lmms-eval: rename it")
    if path.exists() and not force:
        raise UsageError(f"--output {path}: exists: take another name, or add --force")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--output {path}: no such folder")


def compose(
    preset: Preset,
    loading: Mapping[str, Any],
    chosen: Mapping[str, Any],
    choice: Candidate,
    candidates: Sequence[Candidate],
    objective: Objective,
    split: Split,
) -> Preset:
    """The adapter: that of the calibration, with its loading options and the chosen setting.

    Args:
        preset: the adapter that was used.
        loading: its ``model_args``.
        chosen: options of the chosen setting; empty for the stock model.
        choice: the chosen candidate.
        candidates: all of them, the stock model first.
        objective: what was looked for.
        split: what was asked.
    """
    evidence = {
        "made_by": "lmms-bapa calibrate",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "objective": str(objective),
        "chosen": choice.label,
        "questions": split.facts(),
        "candidates": [as_facts(c) for c in candidates],
        "versions": versions(preset.backend),
        "commit": commit()[0],
    }
    model_args = {**preset.model_args, **loading, **chosen}
    return preset.model_copy(update={"model_args": model_args, "evidence": evidence})


def write(path: Path, content: Preset, force: bool) -> None:
    """Writes the YAML, whole or not at all.

    Raises:
        UsageError: it came into being meanwhile, or cannot be written.
    """
    check_output(path, force)
    told = content.model_dump(mode="json", exclude_defaults=True)
    text = f"# Chosen by lmms-bapa calibrate: {content.evidence['chosen']}.\n"
    text += yaml.safe_dump(told, sort_keys=False, allow_unicode=True)
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"--output {path}: cannot be written ({error.strerror})") from error


def usage(path: Path, task: str) -> str:
    """The command line that uses the file."""
    known = preset_path(path.stem)
    own = known.is_file() and known.resolve() == path.resolve()
    where = "" if own else f"{OWN_CONFIGS}={shlex.quote(str(path.absolute().parent))} "
    return f"{where}lmms-eval --model {path.stem} --tasks {task}"
